// The host-device plugin in real namespaces, seen by ip(8).
import { describe, expect, test } from "bun:test";
import type { JsonObject } from "#cni/json.ts";
import { type Attached, withAttached } from "#test/attached.ts";
import { testDelMatrix } from "#test/del-matrix.ts";
import { HostLocal } from "#test/ipam.ts";
import { testIpamForwarding } from "#test/ipam-forwarding.ts";
import { linkNames, seeAddresses, seeLink } from "#test/link-witness.ts";
import type { Netns, Sandbox } from "#test/sandbox.ts";
import { cniErrorOfAsync } from "#test/thrown.ts";
import { hostDevice } from "./plugin.ts";

/** A device of the node, whose far end stays there. */
function setUp(box: Sandbox, node: Netns): JsonObject {
  box.sh(node, ["ip", "link", "add", "dev0", "type", "veth", "peer", "name", "far0"]);
  return { device: "dev0" };
}

function withDevice(use: (at: Attached) => Promise<void>): Promise<void> {
  return withAttached({ plugin: hostDevice, setUp }, use);
}

testDelMatrix({ plugin: hostDevice, setUp });
testIpamForwarding({ plugin: hostDevice, setUp });

describe("host-device", () => {
  test("ADD moves the device under the attachment's name, CHECK agrees, DEL brings it back under its own", async () => {
    await withDevice(async ({ box, node, container, attach }) => {
      const ipam = new HostLocal(box);
      const attachment = attach({ conf: { device: "dev0", ...ipam.conf } });
      const result = await attachment.add();
      const link = seeLink(box, container, "eth0");
      expect(link?.flags).toContain("UP");
      expect(result).toMatchObject({ interfaces: [{ name: "eth0", mac: link?.address, sandbox: container.path }] });
      expect(linkNames(box, node)).not.toContain("dev0");
      expect(seeAddresses(box, container, "eth0").length).toBeGreaterThan(0);
      await attachment.check();
      await attachment.del();
      expect(linkNames(box, container)).toEqual([]);
      expect(linkNames(box, node)).toContain("dev0");
      expect(seeLink(box, node, "dev0")?.flags).not.toContain("UP");
      await attachment.del();
    });
  });

  test("finds a device by its hardware address", async () => {
    await withDevice(async ({ box, node, container, attach }) => {
      const hwaddr = seeLink(box, node, "dev0")?.address ?? "";
      await attach({ conf: { hwaddr } }).add();
      expect(seeLink(box, container, "eth0")?.address).toBe(hwaddr);
    });
  });

  test("DEL finds a device that was renamed in the container", async () => {
    await withDevice(async ({ box, node, container, attach }) => {
      const attachment = attach();
      await attachment.add();
      box.sh(container, ["ip", "link", "set", "eth0", "down"]);
      box.sh(container, ["ip", "link", "set", "eth0", "name", "lost0"]);
      await attachment.del();
      expect(linkNames(box, node)).toContain("dev0");
    });
  });

  test("a name that the node has again keeps the device in the container, up; a later DEL succeeds", async () => {
    await withDevice(async ({ box, node, container, attach }) => {
      const attachment = attach();
      await attachment.add();
      box.sh(node, ["ip", "link", "add", "dev0", "type", "veth", "peer", "name", "other0"]);
      await cniErrorOfAsync(() => attachment.del());
      expect(seeLink(box, container, "eth0")?.flags).toContain("UP");
      box.sh(node, ["ip", "link", "del", "dev0"]);
      await attachment.del();
      expect(linkNames(box, node)).toContain("dev0");
    });
  });

  test("DEL without CNI_NETNS brings the device home from the namespace that ADD wrote down", async () => {
    await withDevice(async ({ box, node, container, attach }) => {
      const attachment = attach();
      await attachment.add();
      await attachment.del({ netns: "" });
      expect([linkNames(box, node), linkNames(box, container)]).toEqual([["dev0", "far0"], []]);
    });
  });

  test("the alias that a device had on the node is its alias again after DEL", async () => {
    await withDevice(async ({ box, node, container, attach }) => {
      box.sh(node, ["ip", "link", "set", "dev0", "alias", "uplink to rack 4"]);
      const attachment = attach();
      await attachment.add();
      // As the reference does: it finds the device's name there after a switch.
      expect(seeLink(box, container, "eth0")?.ifalias).toBe("dev0");
      await attachment.del();
      expect(seeLink(box, node, "dev0")?.ifalias).toBe("uplink to rack 4");
    });
  });

  test("a device that is on the node again under the container's name is renamed to its own", async () => {
    await withDevice(async ({ box, node, container, attach }) => {
      box.sh(node, ["ip", "link", "set", "dev0", "alias", "uplink to rack 4"]);
      const attachment = attach();
      await attachment.add();
      // What the kernel does with devices that are no software when their namespace ends.
      box.sh(container, ["ip", "link", "set", "eth0", "down"]);
      box.sh(container, ["ip", "link", "set", "eth0", "netns", node.name]);
      await attachment.del({ netns: `${container.path}-gone` });
      expect(linkNames(box, node)).toEqual(["dev0", "far0"]);
      expect(seeLink(box, node, "dev0")?.ifalias).toBe("uplink to rack 4");
    });
  });

  test("DEL takes a device that lost its alias for the one of ADD by its hardware address", async () => {
    await withDevice(async ({ box, node, container, attach }) => {
      const attachment = attach();
      await attachment.add();
      box.sh(container, ["ip", "link", "set", "eth0", "alias", ""]);
      expect((await cniErrorOfAsync(() => attachment.check())).message).toContain('has alias "", not "dev0"');
      await attachment.del();
      expect(linkNames(box, node)).toEqual(["dev0", "far0"]);
    });
  });

  test("DEL leaves another interface alone that has the attachment's name by now", async () => {
    await withDevice(async ({ box, container, attach }) => {
      const attachment = attach();
      await attachment.add();
      box.sh(container, ["ip", "link", "del", "eth0"]);
      box.sh(container, ["ip", "link", "add", "eth0", "type", "bridge"]);
      await attachment.del();
      expect(linkNames(box, container)).toEqual(["eth0"]);
    });
  });

  test("DEL without a record goes by the alias, as after a switch from the reference", async () => {
    await withDevice(async ({ box, node, container, attach }) => {
      const attachment = attach();
      box.sh(node, ["ip", "link", "set", "dev0", "netns", container.name]);
      box.sh(container, ["ip", "link", "set", "dev0", "name", "eth0", "alias", "dev0"]);
      await attachment.del();
      expect(linkNames(box, node)).toEqual(["dev0", "far0"]);
    });
  });

  test("GC brings home the devices of attachments that are not listed, and no other", async () => {
    await withDevice(async ({ box, node, container, attach }) => {
      box.sh(node, ["ip", "link", "add", "dev1", "type", "veth", "peer", "name", "far1"]);
      const [stale, valid] = [attach(), attach({ conf: { device: "dev1" } })];
      await stale.add();
      await valid.add({ ifname: "eth1" });
      await stale.gc([{ containerID: "c1", ifname: "eth1" }]);
      expect([linkNames(box, node), linkNames(box, container)]).toEqual([["dev0", "far0", "far1"], ["eth1"]]);
      box.sh(container, ["ip", "link", "del", "eth1"]);
      await stale.gc([]);
      expect(linkNames(box, node)).toEqual(["dev0", "far0"]);
    });
  });

  test("refuses a configuration without selector and a device that is not there", async () => {
    await withDevice(async ({ attach }) => {
      expect((await cniErrorOfAsync(() => attach({ conf: {} }).add())).message).toContain('"device", "hwaddr"');
      expect((await cniErrorOfAsync(() => attach({ conf: { device: "nope0" } }).add())).message).toContain('"nope0"');
    });
  });
});
