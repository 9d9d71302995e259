// The tap plugin in real namespaces, seen by ip(8).
import { describe, expect, test } from "bun:test";
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
  });

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
