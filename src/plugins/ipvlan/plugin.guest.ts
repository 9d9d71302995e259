// The ipvlan plugin on a kernel that has it, seen by ip(8).
import { describe, expect, test } from "bun:test";
import type { JsonObject } from "#cni/json.ts";
import { type Attached, testRefusals, withAttached } from "#test/attached.ts";
import { testDelMatrix } from "#test/del-matrix.ts";
import { HostLocal } from "#test/ipam.ts";
import { testIpamForwarding } from "#test/ipam-forwarding.ts";
import { linkNames, seeAddresses, seeDefaultRoutes, seeLink } from "#test/link-witness.ts";
import type { Netns, Sandbox } from "#test/sandbox.ts";
import { ipvlan } from "./plugin.ts";

/** The parent is named as the container's interface will be: the names must not collide. */
function setUp(box: Sandbox, node: Netns): JsonObject {
  box.sh(node, ["ip", "link", "add", "eth0", "up", "type", "dummy"]);
  return { master: "eth0" };
}

testDelMatrix({
  plugin: ipvlan,
  setUp,
  rows: [
    {
      when: "with the master gone, which takes the link along",
      before: (box, node) => box.sh(node, ["ip", "link", "del", "eth0"]),
    },
  ],
});
testDelMatrix({
  plugin: { ...ipvlan, name: "ipvlan without master, the default route gone" },
  setUp(box, node) {
    setUp(box, node);
    box.sh(node, ["ip", "route", "add", "default", "dev", "eth0"]);
    return { type: "ipvlan" };
  },
  rows: [{ when: "after that", before: (box, node) => box.sh(node, ["ip", "route", "del", "default"]) }],
});
testIpamForwarding({ plugin: ipvlan, setUp });

/** Runs `use` with the configuration of `setUp`, changed by `conf`. */
function attached(conf: (box: Sandbox) => JsonObject, use: (at: Attached) => Promise<void>): Promise<void> {
  return withAttached({ plugin: ipvlan, setUp: (box, node) => ({ ...setUp(box, node), ...conf(box) }) }, use);
}

describe("ipvlan", () => {
  for (const mode of ["l2", "l3", "l3s"]) {
    test(`ADD in mode ${mode} makes the link with addresses and routes, CHECK agrees`, async () => {
      await attached(
        (box) => ({ mode, mtu: 1400, ...new HostLocal(box).conf }),
        async ({ box, node, container, attach }) => {
          const attachment = attach();
          const result = await attachment.add();
          const link = seeLink(box, container, "eth0");
          expect(link?.linkinfo).toMatchObject({ info_kind: "ipvlan", info_data: { mode } });
          const parent = seeLink(box, node, "eth0");
          expect([link?.mtu, link?.link_index, link?.address]).toEqual([1400, parent?.ifindex, parent?.address]);
          expect(link?.flags).toContain("UP");
          expect(result.interfaces).toEqual([{ name: "eth0", mac: link?.address ?? "", sandbox: container.path }]);
          expect(seeAddresses(box, container, "eth0")).toEqual(["10.7.0.2/24", "fd07::2/64"]);
          expect(seeDefaultRoutes(box, container)).toEqual(["10.7.0.1 dev eth0", "fd07::1 dev eth0"]);
          await attachment.check();
        },
      );
    });
  }

  const chained = { cniVersion: "1.1.0", ips: [{ address: "10.9.0.2/24", gateway: "10.9.0.1" }] };

  test("in a chain it takes the addresses and the only interface of the plugin before", async () => {
    const prevResult = { ...chained, interfaces: [{ name: "eth0" }] };
    await attached(
      () => ({ master: "", prevResult }),
      async ({ box, container, attach }) => {
        const attachment = attach();
        const result = await attachment.add();
        expect(result.interfaces).toMatchObject([{ name: "eth0", sandbox: container.path }]);
        expect(result.ips).toEqual([{ interface: 0, address: "10.9.0.2/24", gateway: "10.9.0.1" }]);
        expect(seeAddresses(box, container, "eth0")).toEqual(["10.9.0.2/24"]);
        await attachment.check();
        await attachment.del();
        expect(linkNames(box, container)).toEqual([]);
      },
    );
  });

  testRefusals({ plugin: ipvlan, setUp }, [
    ["neither ipam nor earlier addresses", {}, 'field "ipam.type" is missing'],
    [
      "a chain with two interfaces and no master",
      { master: "", prevResult: { ...chained, interfaces: [{ name: "eth0" }, { name: "eth1" }] } },
      "prevResult has 2 interfaces",
    ],
    ["an MTU above the master's", { mtu: 1501, prevResult: chained }, "from 0 to 1500, the MTU of master eth0"],
    ["an unknown mode", { mode: "l4", prevResult: chained }, 'field "mode" must be one of'],
  ]);

  test("an address serves the next container as soon as DEL returns", async () => {
    await attached(
      () => ({ prevResult: chained }),
      async ({ box, attach }) => {
        for (const netns of ["one", "two", "three"].map((name) => box.netns(name).path)) {
          const attachment = attach();
          await attachment.add({ netns });
          await attachment.del({ netns });
        }
      },
    );
  });

  test("linkInContainer: the parent is the container's own", async () => {
    await attached(
      (box) => ({ master: "inner0", linkInContainer: true, ...new HostLocal(box).conf }),
      async ({ box, container, attach }) => {
        box.sh(container, ["ip", "link", "add", "inner0", "up", "type", "dummy"]);
        const attachment = attach();
        await attachment.add();
        expect(seeLink(box, container, "eth0")?.link).toBe("inner0");
        await attachment.check();
      },
    );
  });
});
