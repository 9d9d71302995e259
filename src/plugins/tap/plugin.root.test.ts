// The tap plugin in real namespaces, seen by ip(8).
import { describe, expect, test } from "bun:test";
import type { JsonObject } from "#cni/json.ts";
import { TestAttachment } from "#test/attachment.ts";
import { testDelMatrix } from "#test/del-matrix.ts";
import { testHost } from "#test/host.ts";
import { testIpamForwarding } from "#test/ipam-forwarding.ts";
import { linkNames, seeLink } from "#test/link-witness.ts";
import { Sandbox } from "#test/sandbox.ts";
import { cniErrorOfAsync } from "#test/thrown.ts";
import { tap } from "./plugin.ts";

testDelMatrix({ plugin: tap, setUp: () => ({}), rows: [] });

testIpamForwarding({ plugin: tap, setUp: () => ({}) });

describe("tap", () => {
  test("ADD makes a persistent tap device with owner, mtu, hardware address and bridge; CHECK agrees", async () => {
    using box = new Sandbox();
    const container = box.netns("container");
    using host = testHost(box, box.netns("node"));
    box.sh(container, ["ip", "link", "add", "br0", "type", "bridge"]);
    const conf = { mac: "02:00:00:00:00:07", mtu: 1400, owner: 7, group: 8, multiQueue: true, bridge: "br0" };
    const attachment = new TestAttachment({ plugin: tap, host, conf, netns: container.path });
    const result = await attachment.add();
    expect(result).toMatchObject({ interfaces: [{ name: "eth0", mac: conf.mac, sandbox: container.path }] });
    const link = seeLink(box, container, "eth0");
    expect(link).toMatchObject({ address: conf.mac, mtu: 1400, master: "br0" });
    // Debian's names for user 7 and group 8.
    const info = { type: "tap", multi_queue: true, persist: true, user: "lp", group: "mail" };
    expect(link?.linkinfo).toMatchObject({ info_kind: "tun", info_data: info });
    await attachment.check();
    const differences: readonly (readonly [JsonObject, string])[] = [
      [{ owner: 9 }, "has owner 7, not 9"],
      [{ owner: null }, "has owner 7, not none"],
      [{ group: 9 }, "has group 8, not 9"],
      [{ multiQueue: false }, "has multiQueue on"],
      [{ mtu: 1500 }, "has mtu 1400, not 1500"],
    ];
    for (const [conf, message] of differences) {
      expect((await cniErrorOfAsync(() => attachment.check({ conf }))).message).toContain(message);
    }
    box.sh(container, ["ip", "link", "set", "eth0", "nomaster"]);
    expect((await cniErrorOfAsync(() => attachment.check())).message).toContain("is not a port of bridge br0");
  });

  test("CHECK wants a device of root's alone to be just that", async () => {
    using box = new Sandbox();
    const container = box.netns("container");
    using host = testHost(box, box.netns("node"));
    const attachment = new TestAttachment({ plugin: tap, host, conf: {}, netns: container.path });
    await attachment.add();
    await attachment.check();
    box.sh(container, ["ip", "link", "del", "eth0"]);
    box.sh(container, ["ip", "tuntap", "add", "eth0", "mode", "tun"]);
    attachment.result = { cniVersion: "1.1.0", interfaces: [{ name: "eth0", sandbox: container.path }] };
    box.sh(container, ["ip", "link", "set", "eth0", "up"]);
    expect((await cniErrorOfAsync(() => attachment.check())).message).toContain("is a tun device, not a tap device");
    box.sh(container, ["ip", "link", "del", "eth0"]);
    box.sh(container, ["ip", "tuntap", "add", "eth0", "mode", "tap", "user", "7"]);
    box.sh(container, ["ip", "link", "set", "eth0", "up"]);
    expect((await cniErrorOfAsync(() => attachment.check())).message).toContain("has owner 7, not none");
  });

  test("CHECK fails once the device would end with the process that holds it", async () => {
    using box = new Sandbox();
    const container = box.netns("container");
    using host = testHost(box, box.netns("node"));
    const attachment = new TestAttachment({ plugin: tap, host, conf: {}, netns: container.path });
    await attachment.add();
    // TUNSETIFF for the tap device eth0 without packet information, then TUNSETPERSIST off (linux/if_tun.h).
    const script = `open(F, "+<", "/dev/net/tun") or die; my $r = pack("a16 S x22", "eth0", 0x1002);
      ioctl(F, 0x400454ca, $r) or die $!; ioctl(F, 0x400454cb, 0) or die $!; $| = 1; print "held"; sleep 60;`;
    const holder = box.start(container, ["perl", "-e", script]);
    for (let round = 0; round < 3000 && !holder.output().includes("held"); round++) await Bun.sleep(10);
    expect(holder.output()).toBe("held");
    expect((await cniErrorOfAsync(() => attachment.check())).message).toContain("ends with the process that holds it");
  });

  for (const [source, conf, args, expected] of [
    ["mac", { mac: "02:00:00:00:00:01" }, "", "02:00:00:00:00:01"],
    ["CNI_ARGS over mac", { mac: "02:00:00:00:00:01" }, "MAC=02:00:00:00:00:02", "02:00:00:00:00:02"],
    [
      "runtimeConfig over both",
      { mac: "02:00:00:00:00:01", runtimeConfig: { mac: "02:00:00:00:00:03" } },
      "MAC=02:00:00:00:00:02",
      "02:00:00:00:00:03",
    ],
  ] as const) {
    test(`takes the hardware address of ${source}`, async () => {
      using box = new Sandbox();
      const container = box.netns("container");
      using host = testHost(box, box.netns("node"));
      await new TestAttachment({ plugin: tap, host, conf, args, netns: container.path }).add();
      expect(seeLink(box, container, "eth0")?.address).toBe(expected);
    });
  }

  test("ADD with a bridge that the container lacks leaves no device", async () => {
    using box = new Sandbox();
    const container = box.netns("container");
    using host = testHost(box, box.netns("node"));
    const attachment = new TestAttachment({ plugin: tap, host, conf: { bridge: "br9" }, netns: container.path });
    const error = await cniErrorOfAsync(() => attachment.add());
    expect(error.code).toBe(7);
    expect(error.message).toContain('"br9"');
    expect(linkNames(box, container)).toEqual([]);
  });

  test("refuses selinuxContext by name with code 2", async () => {
    using box = new Sandbox();
    const container = box.netns("container");
    using host = testHost(box, box.netns("node"));
    const conf = { selinuxContext: "system_u:system_r:container_t:s0" };
    const attachment = new TestAttachment({ plugin: tap, host, conf, netns: container.path });
    const error = await cniErrorOfAsync(() => attachment.add());
    expect(error.code).toBe(2);
    expect(error.message).toContain("selinuxContext");
  });
});
