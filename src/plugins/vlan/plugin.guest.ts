// The vlan plugin on a kernel that has VLANs, seen by ip(8).
import { describe, expect, test } from "bun:test";
import type { JsonObject } from "#cni/json.ts";
import { type Attached, testRefusals, withAttached } from "#test/attached.ts";
import { testDelMatrix } from "#test/del-matrix.ts";
import { HostLocal } from "#test/ipam.ts";
import { testIpamForwarding } from "#test/ipam-forwarding.ts";
import { linkNames, seeAddresses, seeDefaultRoutes, seeLink } from "#test/link-witness.ts";
import type { Netns, Sandbox } from "#test/sandbox.ts";
import { cniErrorOfAsync } from "#test/thrown.ts";
import { vlan } from "./plugin.ts";

/** The parent is named as the container's interface will be: the names must not collide. */
function setUp(box: Sandbox, node: Netns): JsonObject {
  box.sh(node, ["ip", "link", "add", "eth0", "up", "type", "dummy"]);
  return { master: "eth0", vlanId: 42 };
}

const removeMaster = (box: Sandbox, node: Netns) => box.sh(node, ["ip", "link", "del", "eth0"]);

testDelMatrix({
  plugin: vlan,
  setUp,
  rows: [{ when: "with the master gone, which takes the link along", before: removeMaster }],
});
testDelMatrix({
  plugin: { ...vlan, name: "vlan with linkInContainer" },
  setUp(box, _, container) {
    box.sh(container, ["ip", "link", "add", "inner0", "up", "type", "dummy"]);
    return { type: "vlan", master: "inner0", vlanId: 42, linkInContainer: true };
  },
});
testIpamForwarding({ plugin: vlan, setUp });

/** Runs `use` with the configuration of `setUp`, changed by `conf`. */
function attached(conf: (box: Sandbox) => JsonObject, use: (at: Attached) => Promise<void>): Promise<void> {
  return withAttached({ plugin: vlan, setUp: (box, node) => ({ ...setUp(box, node), ...conf(box) }) }, use);
}

describe("vlan", () => {
  test("ADD makes the link with addresses and routes, CHECK agrees", async () => {
    await attached(
      (box) => ({ mtu: 1400, ...new HostLocal(box).conf }),
      async ({ box, node, container, attach }) => {
        const attachment = attach();
        const result = await attachment.add();
        const link = seeLink(box, container, "eth0");
        expect(link?.linkinfo).toMatchObject({ info_kind: "vlan", info_data: { id: 42, protocol: "802.1Q" } });
        expect([link?.mtu, link?.link_index]).toEqual([1400, seeLink(box, node, "eth0")?.ifindex]);
        expect(link?.flags).toContain("UP");
        expect(result.interfaces).toEqual([{ name: "eth0", mac: link?.address ?? "", sandbox: container.path }]);
        expect(seeAddresses(box, container, "eth0")).toEqual(["10.7.0.2/24", "fd07::2/64"]);
        expect(seeDefaultRoutes(box, container)).toEqual(["10.7.0.1 dev eth0", "fd07::1 dev eth0"]);
        await attachment.check();
      },
    );
  });

  test("a VLAN serves the next container as soon as DEL returns", async () => {
    await attached(
      () => ({}),
      async ({ attach }) => {
        for (let i = 0; i < 3; i++) {
          const attachment = attach();
          await attachment.add();
          await attachment.del();
        }
      },
    );
  });

  test("a VLAN that another container has is refused, and its link stays", async () => {
    await attached(
      () => ({}),
      async ({ box, container, attach }) => {
        await attach().add();
        const second = await attach().call("ADD", { netns: box.netns("second").path });
        expect([second.exitCode, second.stdout]).toEqual([1, expect.stringContaining("EEXIST")]);
        expect(linkNames(box, container)).toEqual(["eth0"]);
      },
    );
  });

  testRefusals({ plugin: vlan, setUp }, [
    ["an MTU above the master's", { mtu: 1501 }, "from 0 to 1500, the MTU of master eth0"],
    ["a negative MTU", { mtu: -1 }, "from 0 to 1500, the MTU of master eth0"],
    ["an unknown master", { master: "nope0" }, 'field "master" is "nope0", and there is no such interface'],
  ]);

  test("CHECK fails when the link carries another VLAN", async () => {
    await attached(
      () => ({}),
      async ({ attach }) => {
        const attachment = attach();
        await attachment.add();
        const error = await cniErrorOfAsync(() => attachment.check({ conf: { vlanId: 43 } }));
        expect(error.message).toContain("has VLAN 42, not 43");
      },
    );
  });

  test("CHECK fails when another interface has the master's name", async () => {
    await attached(
      () => ({}),
      async ({ box, node, attach }) => {
        const attachment = attach();
        await attachment.add();
        // Linux 6.1 does not rename what is up.
        box.sh(node, ["ip", "link", "set", "eth0", "down"]);
        box.sh(node, ["ip", "link", "set", "eth0", "name", "eth9"]);
        box.sh(node, ["ip", "link", "set", "eth9", "up"]);
        box.sh(node, ["ip", "link", "add", "eth0", "type", "dummy"]);
        expect((await cniErrorOfAsync(() => attachment.check())).message).toContain("not eth0");
      },
    );
  });
});
