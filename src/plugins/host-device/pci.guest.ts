// host-device with a real PCI device: the guest's network card, found in each way, and home again when its namespace is gone.

import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readlinkSync, realpathSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import type { JsonObject } from "#cni/json.ts";
import { TestAttachment } from "#test/attachment.ts";
import { testHost } from "#test/host.ts";
import { HostLocal } from "#test/ipam.ts";
import { linkNames, seeLink } from "#test/link-witness.ts";
import { type Netns, Sandbox } from "#test/sandbox.ts";
import { hostDevice } from "./plugin.ts";

/** Real devices are in the guest's first namespace: the guest is the test's own. */
const node: Netns = { name: "", path: "/proc/self/ns/net" };
const pci = "/sys/bus/pci";
const driverName = (address: string) => basename(readlinkSync(`${pci}/devices/${address}/driver`));

/** The card's PCI address (0000:00:04.0) and its folder in sysfs, the virtio device on the PCI one. */
function findCard(): { readonly address: string; readonly folder: string } {
  for (const address of readdirSync(`${pci}/devices`)) {
    const folder = realpathSync(`${pci}/devices/${address}`);
    const virtio = readdirSync(folder).find((name) => name.startsWith("virtio"));
    if (virtio !== undefined && existsSync(`${folder}/${virtio}/net`))
      return { address, folder: `${folder}/${virtio}` };
  }
  throw new Error("The guest has no network card: see test/vm/guest.ts");
}

const card = findCard();
const cardName = () => readdirSync(`${card.folder}/net`)[0] ?? "";

type At = {
  readonly box: Sandbox;
  readonly container: Netns;
  readonly mac: string;
  readonly attach: (conf: JsonObject) => TestAttachment;
  readonly removeContainer: () => void;
};

/** The card is called nic0 on the node, and has an alias. */
async function withCard(use: (at: At) => Promise<void>): Promise<void> {
  using box = new Sandbox();
  const container = box.netns("container");
  using host = testHost(box, node);
  box.sh(node, ["ip", "link", "set", cardName(), "down"]);
  if (cardName() !== "nic0") box.sh(node, ["ip", "link", "set", cardName(), "name", "nic0"]);
  box.sh(node, ["ip", "link", "set", "nic0", "alias", "uplink"]);
  await use({
    box,
    container,
    mac: seeLink(box, node, "nic0")?.address ?? "",
    attach: (conf) => new TestAttachment({ plugin: hostDevice, host, conf, netns: container.path }),
    removeContainer: () => box.sh(node, ["ip", "netns", "del", container.name]),
  });
}

function bind(driver: string): void {
  const device = `${pci}/devices/${card.address}`;
  writeFileSync(`${device}/driver/unbind`, card.address);
  writeFileSync(`${device}/driver_override`, driver);
  writeFileSync(`${pci}/drivers_probe`, card.address);
}

afterEach(() => {
  if (driverName(card.address) !== "virtio-pci") bind("virtio-pci");
});

describe("host-device finds the card", () => {
  const rows: readonly (readonly [field: string, conf: (mac: string) => JsonObject, pciID: string | undefined])[] = [
    ["device", () => ({ device: "nic0" }), undefined],
    ["hwaddr", (mac) => ({ hwaddr: mac.toUpperCase() }), undefined],
    ["kernelpath", () => ({ kernelpath: card.folder }), undefined],
    ["pciBusID", () => ({ pciBusID: card.address }), card.address],
    [
      "runtimeConfig.deviceID, whatever else there is",
      () => ({ device: "lo", runtimeConfig: { deviceID: card.address } }),
      card.address,
    ],
  ];
  for (const [field, conf, pciID] of rows) {
    test(`by ${field}; CHECK agrees, and DEL brings it back`, async () => {
      await withCard(async ({ box, container, mac, attach }) => {
        const attachment = attach(conf(mac));
        const result = await attachment.add();
        const expected = { name: "eth0", mac, sandbox: container.path };
        expect(result.interfaces).toEqual([pciID === undefined ? expected : { ...expected, pciID }]);
        expect(seeLink(box, container, "eth0")?.address).toBe(mac);
        await attachment.check();
        await attachment.del();
        expect(linkNames(box, container)).toEqual([]);
        expect([cardName(), seeLink(box, node, "nic0")?.ifalias]).toEqual(["nic0", "uplink"]);
      });
    });
  }

  const refused: readonly (readonly [conf: JsonObject, message: string])[] = [
    [{ pciBusID: "0000:ff:1f.7" }, "no network device with PCI address 0000:ff:1f.7"],
    [{ kernelpath: "/sys/devices/nothing" }, "no network device with path /sys/devices/nothing/net"],
    [{ runtimeConfig: { deviceID: "mlx5_core.sf.4" } }, "auxiliary/devices/mlx5_core.sf.4"],
  ];
  for (const [conf, message] of refused) {
    test(`and not by ${JSON.stringify(conf)}`, async () => {
      await withCard(async ({ attach }) => {
        await expect(attach(conf).add()).rejects.toThrow(message);
        expect(cardName()).toBe("nic0");
      });
    });
  }
});

describe("when the namespace is gone, the kernel has put the card on the node as eth0, and", () => {
  test("DEL at once gives it its own name and alias back", async () => {
    await withCard(async ({ box, attach, removeContainer }) => {
      const attachment = attach({ device: "nic0" });
      await attachment.add();
      removeContainer();
      for (const _ of [1, 2]) await attachment.del();
      const link = seeLink(box, node, "nic0");
      expect([link?.ifalias, link?.flags.includes("UP")]).toEqual(["uplink", false]);
    });
  });

  test("GC does so too", async () => {
    await withCard(async ({ box, attach, removeContainer }) => {
      const attachment = attach({ device: "nic0" });
      await attachment.add();
      removeContainer();
      await attachment.gc([]);
      expect(seeLink(box, node, "nic0")?.ifalias).toBe("uplink");
    });
  });
});

describe("a card that a driver of user space has", () => {
  test("gets addresses, but no interface moves; the result names its PCI address", async () => {
    await withCard(async ({ box, container, attach }) => {
      bind("uio_pci_generic");
      const ipam = new HostLocal(box);
      const attachment = attach({ ...ipam.conf, cniVersion: "1.0.0", pciBusID: card.address });
      const result = await attachment.add();
      expect(result.interfaces).toMatchObject([{ name: "eth0", sandbox: container.path }]);
      expect(result.ips?.map((each) => each.interface)).toEqual([0, 0]);
      expect(linkNames(box, container)).toEqual([]);
      await attachment.check();
      await attachment.del();
      expect(ipam.held()).toEqual([]);
      const plain = await attach({ pciBusID: card.address }).add();
      expect(plain.interfaces).toEqual([{ name: "eth0", sandbox: container.path, pciID: card.address }]);
    });
  });

  test("CHECK fails once the kernel has the card again", async () => {
    await withCard(async ({ attach }) => {
      bind("uio_pci_generic");
      const attachment = attach({ pciBusID: card.address });
      await attachment.add();
      bind("virtio-pci");
      await expect(attachment.check()).rejects.toThrow("interface eth0 is not in network namespace");
    });
  });
});
