// host-device: moves a device of the node into the container, and back.

import { Rollback } from "#base/rollback.ts";
import type { Call, Plugin } from "#cni/plugin.ts";
import { emptyResult, type Result } from "#cni/result.ts";
import { versionsFrom } from "#cni/version.ts";
import type { Netns } from "#kernel/netns.ts";
import { findLink, type Link, setLink } from "#netlink/link.ts";
import { checkAttachment } from "#plugins/attachment-check.ts";
import {
  configureRequests,
  failed,
  openNetns,
  openNetnsIfThere,
  prepareIpv6,
  requireFreeName,
} from "#plugins/container.ts";
import { chooseDns } from "#plugins/container-link.ts";
import type { Host } from "#plugins/host.ts";
import { addIpam, checkIpam, delIpam, gcIpam, ipamType, statusIpam } from "#plugins/ipam.ts";
import { ownerOf } from "#plugins/ledger.ts";
import { waitUntilOwn } from "#plugins/own-addresses.ts";
import { bringHome, readDeviceRecord, recordOf } from "./device-home.ts";
import { findDevice, isUserSpaceDevice, readSelector } from "./select.ts";

export const hostDevice: Plugin<Host> = {
  name: "host-device",
  about: "CNI host-device plugin: moves a device of the node into a container",
  versions: versionsFrom("0.1.0"),
  add,
  del,
  check,
  gc,
  status,
};

async function add(call: Call, host: Host): Promise<Result> {
  const selector = readSelector(call);
  using netns = openNetns(call);
  using container = host.routeIn(netns);
  await using undo = new Rollback();
  const forUserSpace = isUserSpaceDevice(selector);
  let link: Link | undefined;
  if (!forUserSpace) {
    requireFreeName(container, call);
    const device = findDevice(host.route(), selector);
    const owner = ownerOf(call, hostDevice.name);
    host.ledger.write(owner, recordOf(device, netns));
    undo.defer("bring the device home", () => bringHome(host, owner, container));
    moveIn(host, device, netns, call.ifname);
    link = findLink(container, call.ifname);
  }
  const type = ipamType(call);
  let addresses: Result = emptyResult;
  if (type !== undefined) {
    addresses = await addIpam(call, type, host);
    undo.defer("release the addresses", () => delIpam(call, type, host));
  }
  if (link !== undefined) {
    prepareIpv6(netns, call.ifname, addresses.ips);
    container.apply(configureRequests(link.index, call.ifname, addresses));
    await waitUntilOwn(container, addresses.ips, host);
  }
  const result: Result = {
    interfaces: [
      {
        name: call.ifname,
        // What belongs to user space has none that the kernel knows.
        ...(link?.mac === undefined ? {} : { mac: link.mac }),
        sandbox: call.netns,
        ...(selector.by === "pciBusID" ? { pciID: selector.address } : {}),
      },
    ],
    ips: addresses.ips.map((ip) => ({ ...ip, interface: 0 })),
    routes: addresses.routes,
    dns: chooseDns(call, addresses.dns),
  };
  undo.keep();
  return result;
}

async function del(call: Call, host: Host): Promise<void> {
  using netns = openNetnsIfThere(call);
  using container = netns === undefined ? undefined : host.routeIn(netns);
  const type = ipamType(call);
  try {
    if (type !== undefined) await delIpam(call, type, host);
  } finally {
    await bringHome(host, ownerOf(call, hostDevice.name), container);
  }
}

async function check(call: Call, host: Host): Promise<void> {
  const selector = readSelector(call);
  const type = ipamType(call);
  if (type !== undefined) await checkIpam(call, type, host);
  if (isUserSpaceDevice(selector)) return;
  using netns = openNetns(call);
  using container = host.routeIn(netns);
  const { inside } = checkAttachment(call, container, undefined);
  const name = readDeviceRecord(host, ownerOf(call, hostDevice.name))?.name;
  if (name !== undefined && inside.alias !== name) {
    throw failed(`interface ${call.ifname} has alias "${inside.alias}", not "${name}", the device's name on the node`);
  }
}

async function gc(call: Call, host: Host): Promise<void> {
  if (call.validAttachments !== undefined) {
    const stale = host.ledger.stale(call.network, hostDevice.name, call.validAttachments);
    for (const owner of stale) await bringHome(host, owner, undefined);
  }
  const type = ipamType(call);
  if (type !== undefined) await gcIpam(call, type, host);
}

async function status(call: Call, host: Host): Promise<void> {
  readSelector(call);
  const type = ipamType(call);
  if (type !== undefined) await statusIpam(call, type, host);
}

/**
 * One request moves and renames: no other program sees the device under a name that is not its own. The alias keeps the
 * node's name for it, as the reference does.
 */
function moveIn(host: Host, device: Link, netns: Netns, ifname: string): void {
  host
    .route()
    .apply([
      setLink(device.index, { up: false }, device.name),
      setLink(device.index, { netns, name: ifname, alias: device.name }, device.name),
    ]);
}
