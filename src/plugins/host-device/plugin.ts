// host-device: moves a device of the node into the container, and back.

import { Rollback } from "#base/rollback.ts";
import { decode, object, string, withDefault } from "#cni/decode.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import type { JsonObject } from "#cni/json.ts";
import type { Call, Plugin } from "#cni/plugin.ts";
import { emptyResult, type Result } from "#cni/result.ts";
import { versionsFrom } from "#cni/version.ts";
import { Netns, NetnsError, openOwnNetns } from "#kernel/netns.ts";
import type { Connection } from "#netlink/connection.ts";
import { findLink, type Link, listLinks, setLink } from "#netlink/link.ts";
import { checkAttachment } from "#plugins/attachment-check.ts";
import { configureRequests, openNetns, openNetnsIfThere, prepareIpv6, requireFreeName } from "#plugins/container.ts";
import { chooseDns } from "#plugins/container-link.ts";
import type { Host } from "#plugins/host.ts";
import { addIpam, checkIpam, delIpam, gcIpam, ipamType, statusIpam } from "#plugins/ipam.ts";
import { type Owner, ownerOf } from "#plugins/ledger.ts";
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

/** What DEL and GC need to bring a device home. */
type DeviceRecord = { readonly name: string; readonly netns: string };
const deviceRecord = object({ name: withDefault(string, ""), netns: withDefault(string, "") });

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
    host.ledger.write(owner, { name: device.name, netns: call.netns } satisfies DeviceRecord);
    undo.defer("bring the device home", () => bringHome(host, owner, container, call.ifname));
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
  }
  undo.keep();
  return {
    interfaces: [{ name: call.ifname, mac: link?.mac ?? "", sandbox: call.netns }],
    ips: addresses.ips.map((ip) => ({ ...ip, interface: 0 })),
    routes: addresses.routes,
    dns: chooseDns(call, addresses.dns),
  };
}

async function del(call: Call, host: Host): Promise<void> {
  using netns = openNetnsIfThere(call);
  using container = netns === undefined ? undefined : host.routeIn(netns);
  const type = ipamType(call);
  try {
    if (type !== undefined) await delIpam(call, type, host);
  } finally {
    bringHome(host, ownerOf(call, hostDevice.name), container, call.ifname);
  }
}

async function check(call: Call, host: Host): Promise<void> {
  const selector = readSelector(call);
  const type = ipamType(call);
  if (type !== undefined) await checkIpam(call, type, host);
  if (isUserSpaceDevice(selector)) return;
  using netns = openNetns(call);
  using container = host.routeIn(netns);
  checkAttachment(call, container, undefined);
}

async function gc(call: Call, host: Host): Promise<void> {
  if (call.validAttachments !== undefined) {
    for (const owner of host.ledger.stale(call.network, hostDevice.name, call.validAttachments)) collect(host, owner);
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

/**
 * Moves the device out of the container under its old name, down, without alias. What is not there is no error.
 * @throws CniError 11 when the node has another device of that name; then the device stays in the container, up.
 */
function bringHome(host: Host, owner: Owner, container: Connection | undefined, ifname: string): void {
  const record = readRecord(host, owner);
  const device = container === undefined ? undefined : findInside(container, ifname, record?.name);
  const name = record?.name ?? device?.alias ?? "";
  if (container !== undefined && device !== undefined && name !== "") {
    using home = host.netns === undefined ? openOwnNetns() : undefined;
    const netns = host.netns ?? home;
    // The kernel would move the device first and refuse the name afterwards.
    if (findLink(host.route(), name) !== undefined) {
      throw new CniError(
        ErrorCode.tryAgainLater,
        `host-device: cannot bring device "${name}" home from ${ifname}: the node has another device of that name. Rename that one and try again`,
      );
    }
    container.apply([
      setLink(device.index, { up: false }, device.name),
      setLink(device.index, { netns, name, alias: "" }, device.name),
    ]);
  }
  host.ledger.remove(owner);
}

/**
 * By the alias it was given, in case it was renamed; else by the attachment's name, where record or alias tell that the
 * interface there is not somebody else's.
 */
function findInside(container: Connection, ifname: string, original: string | undefined): Link | undefined {
  const named = findLink(container, ifname);
  if (original === undefined) return named !== undefined && named.alias !== "" ? named : undefined;
  return named?.alias === original ? named : (listLinks(container).find(({ alias }) => alias === original) ?? named);
}

function collect(host: Host, owner: Owner): void {
  const path = readRecord(host, owner)?.netns ?? "";
  let netns: Netns;
  try {
    netns = new Netns(path);
  } catch (error) {
    // Its namespace is gone: the kernel took the device home.
    if (!(error instanceof NetnsError)) throw error;
    host.ledger.remove(owner);
    return;
  }
  using _open = netns;
  using container = host.routeIn(netns);
  bringHome(host, owner, container, owner.ifname);
}

function readRecord(host: Host, owner: Owner): DeviceRecord | undefined {
  const json = host.ledger.read(owner);
  if (json === undefined) return undefined;
  const record = decode(deviceRecord, json as JsonObject, `record of ${owner.containerId}`);
  return record.name === "" ? undefined : record;
}
