// The macvlan plugin in real namespaces, seen by ip(8).
import { describe, expect, test } from "bun:test";
import type { JsonObject } from "#cni/json.ts";
import { type Attached, testRefusals, withAttached } from "#test/attached.ts";
import { TestAttachment } from "#test/attachment.ts";
import { testDelMatrix } from "#test/del-matrix.ts";
import { testHost } from "#test/host.ts";
import { HostLocal } from "#test/ipam.ts";
import { testIpamForwarding } from "#test/ipam-forwarding.ts";
import { linkNames, seeAddresses, seeDefaultRoutes, seeLink } from "#test/link-witness.ts";
import { type Netns, Sandbox } from "#test/sandbox.ts";
import { cniErrorOfAsync } from "#test/thrown.ts";
import { macvlan } from "./plugin.ts";

/** A parent in `ns`, named as the container's interface will be: the names must not collide. */
function addParent(box: Sandbox, ns: Netns, name = "eth0"): void {
  box.sh(ns, ["ip", "link", "add", name, "up", "type", "veth", "peer", "name", `${name}-far`]);
  box.sh(ns, ["ip", "link", "set", `${name}-far`, "up"]);
}

function setUp(box: Sandbox, node: Netns): JsonObject {
  addParent(box, node);
  return { master: "eth0" };
}

/** Runs `use` with a node that has the parent eth0, and attachments of that configuration. */
function attached(conf: JsonObject, use: (at: Attached) => Promise<void>): Promise<void> {
  const prepare = (box: Sandbox, node: Netns) => {
    addParent(box, node);
    return conf;
  };
  return withAttached({ plugin: macvlan, setUp: prepare }, use);
}

testDelMatrix({
  plugin: macvlan,
  setUp,
  rows: [
    {
      when: "with the master gone, which takes the link along",
      before: (box, node) => box.sh(node, ["ip", "link", "del", "eth0"]),
    },
    {
      when: "with another master in the configuration",
      before: (box, node) => box.sh(node, ["ip", "link", "set", "eth0", "name", "eth9"]),
    },
  ],
});

testIpamForwarding({ plugin: macvlan, setUp });

describe("macvlan", () => {
  test("ADD makes the link with addresses and routes, CHECK agrees", async () => {
    using box = new Sandbox();
    const node = box.netns("node");
    const container = box.netns("container");
    using host = testHost(box, node);
    const conf = { ...setUp(box, node), ...new HostLocal(box).conf };
    const attachment = new TestAttachment({ plugin: macvlan, host, conf, netns: container.path });
    const result = await attachment.add();
    const link = seeLink(box, container, "eth0");
    expect(link?.linkinfo).toMatchObject({ info_kind: "macvlan", info_data: { mode: "bridge" } });
    expect(link?.flags).toContain("UP");
    expect(result).toEqual({
      cniVersion: "1.0.0",
      interfaces: [{ name: "eth0", mac: link?.address ?? "", sandbox: container.path }],
      ips: [
        { interface: 0, address: "10.7.0.2/24", gateway: "10.7.0.1" },
        { interface: 0, address: "fd07::2/64", gateway: "fd07::1" },
      ],
      routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
    });
    expect(seeAddresses(box, container, "eth0")).toEqual(["10.7.0.2/24", "fd07::2/64"]);
    expect(seeDefaultRoutes(box, container)).toEqual(["10.7.0.1 dev eth0", "fd07::1 dev eth0"]);
    await attachment.check();
  });

  test("neighbours are told of a new hardware address", async () => {
    await attached({ master: "eth0" }, async ({ box, container, attach }) => {
      await attach().add();
      const files = ["ipv4/conf/eth0/arp_notify", "ipv6/conf/eth0/ndisc_notify"];
      expect(files.map((file) => box.sh(container, ["cat", `/proc/sys/net/${file}`]).trim())).toEqual(["1", "1"]);
    });
  });

  test("without ipam the link is up and bare", async () => {
    await attached({ master: "eth0" }, async ({ box, container, attach }) => {
      const attachment = attach();
      const result = await attachment.add();
      expect(Object.keys(result)).toEqual(["cniVersion", "interfaces"]);
      expect(seeLink(box, container, "eth0")?.flags).toContain("UP");
      await attachment.check();
    });
  });

  for (const mode of ["bridge", "private", "vepa", "passthru"]) {
    test(`mode ${mode}`, async () => {
      await attached({ master: "eth0", mode }, async ({ box, container, attach }) => {
        const attachment = attach();
        await attachment.add();
        expect(seeLink(box, container, "eth0")?.linkinfo?.info_data?.["mode"]).toBe(mode);
        await attachment.check();
      });
    });
  }

  test("a parent in passthru mode serves the next container as soon as DEL returns", async () => {
    await attached({ master: "eth0", mode: "passthru" }, async ({ attach }) => {
      for (let i = 0; i < 3; i++) {
        const attachment = attach();
        await attachment.add();
        await attachment.del();
      }
    });
  });

  test("the master is the default route's interface unless named", async () => {
    await attached({}, async ({ box, node, container, attach }) => {
      addParent(box, node, "eth1");
      box.sh(node, ["ip", "address", "add", "192.0.2.1/24", "dev", "eth1"]);
      box.sh(node, ["ip", "route", "add", "default", "via", "192.0.2.9", "metric", "10"]);
      box.sh(node, ["ip", "route", "add", "default", "dev", "eth0", "metric", "20"]);
      const attachment = attach();
      await attachment.add();
      expect(seeLink(box, container, "eth0")?.link_index).toBe(seeLink(box, node, "eth1")?.ifindex ?? 0);
      await attachment.check();
    });
  });

  test("an IPv6 default route will do", async () => {
    await attached({}, async ({ box, node, container, attach }) => {
      box.sh(node, ["ip", "-6", "route", "add", "default", "dev", "eth0"]);
      await attach().add();
      expect(linkNames(box, container)).toEqual(["eth0"]);
    });
  });

  testRefusals({ plugin: macvlan, setUp }, [
    ["no master and no default route", { master: "" }, 'field "master" is missing, and there is no default route'],
    ["an unknown master", { master: "nope0" }, 'field "master" is "nope0", and there is no such interface'],
    ["an unknown mode", { mode: "source" }, 'field "mode" must be one of'],
    ["an MTU above the master's", { mtu: 1501 }, 'mtu" is 1501: it must be from 0 to 1500, the MTU of master eth0'],
    ["a negative MTU", { mtu: -1 }, "from 0 to 1500, the MTU of master eth0"],
    ["a broken MAC", { mac: "xyz" }, 'field "mac" must be a hardware address'],
  ]);

  test("mtu and bcqueuelen are set", async () => {
    await attached({ master: "eth0", mtu: 1400, bcqueuelen: 2000 }, async ({ box, container, attach }) => {
      const attachment = attach();
      await attachment.add();
      const link = seeLink(box, container, "eth0");
      expect([link?.mtu, link?.linkinfo?.info_data?.["bcqueuelen"]]).toEqual([1400, 2000]);
      await attachment.check();
    });
  });

  const macs: readonly (readonly [what: string, conf: JsonObject, args: string, expected: string])[] = [
    ["the configuration", { mac: "02:00:00:00:00:01" }, "", "02:00:00:00:00:01"],
    ["CNI_ARGS", { mac: "02:00:00:00:00:01" }, "MAC=02:00:00:00:00:02", "02:00:00:00:00:02"],
    [
      "runtimeConfig",
      { mac: "02:00:00:00:00:01", runtimeConfig: { mac: "02:00:00:00:00:03" } },
      "MAC=02:00:00:00:00:02",
      "02:00:00:00:00:03",
    ],
  ];
  for (const [what, conf, args, expected] of macs) {
    test(`the hardware address comes from ${what}`, async () => {
      await attached({ master: "eth0", ...conf }, async ({ box, container, attach }) => {
        const result = await attach({ args }).add();
        expect([result.interfaces?.[0]?.mac, seeLink(box, container, "eth0")?.address]).toEqual([expected, expected]);
      });
    });
  }

  test("CNI_ARGS with a broken MAC is error 4", async () => {
    await attached({ master: "eth0" }, async ({ attach }) => {
      expect((await cniErrorOfAsync(() => attach({ args: "MAC=xyz" }).add())).code).toBe(4);
    });
  });

  test("linkInContainer: the parent is the container's own", async () => {
    await attached({ master: "inner0", linkInContainer: true }, async ({ box, container, attach }) => {
      addParent(box, container, "inner0");
      const attachment = attach();
      await attachment.add();
      expect(seeLink(box, container, "eth0")?.link).toBe("inner0");
      await attachment.check();
      await attachment.del();
      expect(linkNames(box, container)).toEqual(["inner0", "inner0-far"]);
    });
  });

  const changes: readonly (readonly [what: string, args: readonly string[], message: string])[] = [
    ["the link is down", ["link", "set", "eth0", "down"], "is down"],
    ["an address is missing", ["address", "del", "10.7.0.2/24", "dev", "eth0"], "has no address 10.7.0.2/24"],
    ["a route is missing", ["route", "del", "default"], "there is no route default"],
    ["the hardware address differs", ["link", "set", "eth0", "address", "02:00:00:00:00:09"], "02:00:00:00:00:09"],
    ["the MTU differs", ["link", "set", "eth0", "mtu", "1300"], "MTU of 1300, not 1400"],
    ["the mode differs", ["link", "set", "eth0", "type", "macvlan", "mode", "vepa"], "in mode vepa, not bridge"],
    ["the link is gone", ["link", "del", "eth0"], "eth0"],
  ];
  for (const [what, args, message] of changes) {
    test(`CHECK fails when ${what}`, async () => {
      await attached({}, async ({ box, container, attach }) => {
        const conf = { master: "eth0", mtu: 1400, ...new HostLocal(box).conf };
        const attachment = attach({ conf });
        await attachment.add();
        await attachment.check();
        box.sh(container, ["ip", ...args]);
        expect((await cniErrorOfAsync(() => attachment.check())).message).toContain(message);
      });
    });
  }

  test("CHECK fails when the master has another name now", async () => {
    await attached({ master: "eth0" }, async ({ box, node, attach }) => {
      const attachment = attach();
      await attachment.add();
      box.sh(node, ["ip", "link", "set", "eth0", "name", "eth9"]);
      expect((await cniErrorOfAsync(() => attachment.check())).message).toContain("master eth0 is not there");
    });
  });

  test("STATUS is 50 when ADD would find no master", async () => {
    await attached({ master: "nope0" }, async ({ attach }) => {
      expect((await cniErrorOfAsync(() => attach().status())).code).toBe(50);
    });
  });
});
