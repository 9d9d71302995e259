// The host-device plugin in real namespaces, seen by ip(8).
import { describe, expect, test } from "bun:test";
import type { JsonObject } from "#cni/json.ts";
import { TestAttachment } from "#test/attachment.ts";
import { testHost } from "#test/host.ts";
import { HostLocal } from "#test/ipam.ts";
import { linkNames, seeAddresses, seeLink } from "#test/link-witness.ts";
import { type Netns, Sandbox } from "#test/sandbox.ts";
import { cniErrorOfAsync } from "#test/thrown.ts";
import { hostDevice } from "./plugin.ts";

type At = {
  readonly box: Sandbox;
  readonly node: Netns;
  readonly container: Netns;
  readonly attach: (conf: JsonObject, netns?: string) => TestAttachment;
};

/** A node with the device dev0, whose far end far0 stays. */
async function withDevice(use: (at: At) => Promise<void>): Promise<void> {
  using box = new Sandbox();
  const node = box.netns("node");
  const container = box.netns("container");
  box.sh(node, ["ip", "link", "add", "dev0", "type", "veth", "peer", "name", "far0"]);
  using host = testHost(box, node);
  const attach = (conf: JsonObject, netns = container.path) =>
    new TestAttachment({ plugin: hostDevice, host, conf, netns });
  await use({ box, node, container, attach });
}

describe("host-device", () => {
  test("ADD moves the device under the attachment's name, CHECK agrees, DEL brings it back under its own", async () => {
    await withDevice(async ({ box, node, container, attach }) => {
      const ipam = new HostLocal(box);
      const attachment = attach({ device: "dev0", ...ipam.conf });
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
      await attach({ hwaddr }).add();
      expect(seeLink(box, container, "eth0")?.address).toBe(hwaddr);
    });
  });

  test("DEL finds a device that was renamed in the container", async () => {
    await withDevice(async ({ box, node, container, attach }) => {
      const attachment = attach({ device: "dev0" });
      await attachment.add();
      box.sh(container, ["ip", "link", "set", "eth0", "down"]);
      box.sh(container, ["ip", "link", "set", "eth0", "name", "lost0"]);
      await attachment.del();
      expect(linkNames(box, node)).toContain("dev0");
    });
  });

  test("a name that the node has again keeps the device in the container, up; a later DEL succeeds", async () => {
    await withDevice(async ({ box, node, container, attach }) => {
      const attachment = attach({ device: "dev0" });
      await attachment.add();
      box.sh(node, ["ip", "link", "add", "dev0", "type", "veth", "peer", "name", "other0"]);
      await cniErrorOfAsync(() => attachment.del());
      expect(seeLink(box, container, "eth0")?.flags).toContain("UP");
      box.sh(node, ["ip", "link", "del", "dev0"]);
      await attachment.del();
      expect(linkNames(box, node)).toContain("dev0");
    });
  });

  for (const [when, path] of [
    ["CNI_NETNS is empty", () => ""],
    ["the namespace's path is gone", (netns: string) => `${netns}-gone`],
  ] as const) {
    test(`DEL succeeds and releases the address when ${when}`, async () => {
      await withDevice(async ({ box, container, attach }) => {
        const ipam = new HostLocal(box);
        const conf = { device: "dev0", ...ipam.conf };
        await attach(conf).add();
        await attach(conf, path(container.path)).del();
        expect(ipam.held()).toEqual([]);
      });
    });
  }

  test("refuses a configuration without selector and a device that is not there", async () => {
    await withDevice(async ({ attach }) => {
      expect((await cniErrorOfAsync(() => attach({}).add())).message).toContain('"device", "hwaddr"');
      expect((await cniErrorOfAsync(() => attach({ device: "nope0" }).add())).message).toContain('"nope0"');
    });
  });
});
