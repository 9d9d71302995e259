// Which of the node's devices a configuration means.

import { readlinkSync } from "node:fs";
import { basename } from "node:path";
import { decode, object, optional, refine, string, unlessEmpty } from "#cni/decode.ts";
import { mac } from "#cni/decode-address.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import type { Call } from "#cni/plugin.ts";
import { isErrno } from "#kernel/errno.ts";
import type { Mac } from "#net/mac.ts";
import type { Connection } from "#netlink/connection.ts";
import { findLink, type Link, listLinks } from "#netlink/link.ts";
import { namesIn } from "#plugins/folder.ts";

const sysfsPath = refine(string, "a path below /sys/devices/", (path) => path.startsWith("/sys/devices/"));
const deviceName = refine(string, "a device's name or PCI address without a slash", (name) => !name.includes("/"));

const hostDeviceConf = object({
  device: unlessEmpty(deviceName),
  hwaddr: unlessEmpty(mac),
  kernelpath: unlessEmpty(sysfsPath),
  pciBusID: unlessEmpty(deviceName),
  runtimeConfig: optional(object({ deviceID: unlessEmpty(deviceName) })),
});

export type Selector =
  | { readonly by: "device"; readonly name: string }
  | { readonly by: "hwaddr"; readonly mac: Mac }
  | { readonly by: "kernelpath"; readonly path: string }
  | { readonly by: "pciBusID"; readonly address: string };

/** Drivers that give a PCI device to user space: there is no network interface to move. */
const userSpaceDrivers: readonly string[] = ["vfio-pci", "uio_pci_generic", "igb_uio"];

/** The first of runtimeConfig.deviceID, device, hwaddr, kernelpath, pciBusID. @throws CniError 7 when there is none. */
export function readSelector(call: Call): Selector {
  const { device, hwaddr, kernelpath, pciBusID, runtimeConfig } = decode(hostDeviceConf, call.config, call.type);
  const deviceId = runtimeConfig?.deviceID;
  if (deviceId !== undefined) return byDeviceId(deviceId);
  if (device !== undefined) return { by: "device", name: device };
  if (hwaddr !== undefined) return { by: "hwaddr", mac: hwaddr };
  if (kernelpath !== undefined) return { by: "kernelpath", path: `${kernelpath}/net` };
  if (pciBusID !== undefined) return { by: "pciBusID", address: pciBusID };
  throw new CniError(
    ErrorCode.invalidConfig,
    'host-device: one of the fields "device", "hwaddr", "kernelpath", "pciBusID" must name a device of the node',
  );
}

// A PCI address has the form 0000:04:00.5; anything else is a device of the auxiliary bus.
function byDeviceId(id: string): Selector {
  if (/^[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/i.test(id)) return { by: "pciBusID", address: id };
  return { by: "kernelpath", path: `/sys/bus/auxiliary/devices/${id}/net` };
}

/** True when the device belongs to a driver of user space. */
export function isUserSpaceDevice(selector: Selector): boolean {
  if (selector.by !== "pciBusID") return false;
  try {
    return userSpaceDrivers.includes(basename(readlinkSync(`/sys/bus/pci/devices/${selector.address}/driver`)));
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR", "EINVAL")) return false;
    throw error;
  }
}

/** @throws CniError 7 when the node has no such device. */
export function findDevice(node: Connection, selector: Selector): Link {
  const [found, what] = look(node, selector);
  if (found !== undefined) return found;
  throw new CniError(ErrorCode.invalidConfig, `host-device: the node has no network device with ${what}`);
}

function look(node: Connection, selector: Selector): readonly [Link | undefined, string] {
  switch (selector.by) {
    case "device":
      return [findLink(node, selector.name), `name "${selector.name}"`];
    case "hwaddr":
      return [listLinks(node).find((link) => link.mac === selector.mac), `hardware address ${selector.mac}`];
    case "kernelpath":
      return [firstOf(node, [selector.path]), `path ${selector.path}`];
    case "pciBusID":
      return [firstOf(node, pciFolders(selector.address)), `PCI address ${selector.address}`];
  }
}

/** Virtio devices have their interface one folder further down. */
function pciFolders(address: string): readonly string[] {
  const folder = `/sys/bus/pci/devices/${address}`;
  const virtio = namesIn(folder).filter((name) => name.startsWith("virtio"));
  return [`${folder}/net`, ...virtio.map((name) => `${folder}/${name}/net`)];
}

function firstOf(node: Connection, folders: readonly string[]): Link | undefined {
  for (const name of folders.flatMap(namesIn)) {
    const link = findLink(node, name);
    if (link !== undefined) return link;
  }
  return undefined;
}
