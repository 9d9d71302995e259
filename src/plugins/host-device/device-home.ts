// Where a device belongs: written down when it leaves the node, and how it comes back.

import { bool, object, optional, string, withDefault } from "#cni/decode.ts";
import { mac } from "#cni/decode-address.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import { Netns, NetnsError, openOwnNetns } from "#kernel/netns.ts";
import type { Mac } from "#net/mac.ts";
import type { Connection } from "#netlink/connection.ts";
import { findLink, type Link, listLinks, setLink } from "#netlink/link.ts";
import type { Host } from "#plugins/host.ts";
import type { Owner } from "#plugins/ledger.ts";
import { readRecord } from "#plugins/recorded.ts";

export type DeviceRecord = {
  /** On the node; in the container it is the device's alias, as the reference does. */
  readonly name: string;
  /** What the device had as its alias before. */
  readonly alias: string;
  readonly mac?: Mac | undefined;
  /** Made by software: such devices end with their namespace, others fall back to the node. */
  readonly virtual: boolean;
  /** Path of the container's namespace. */
  readonly netns: string;
};

const text = withDefault(string, "");
const flag = withDefault(bool, false);
const deviceRecord = object({ name: text, alias: text, mac: optional(mac), virtual: flag, netns: text });

/** The kernel takes a namespace apart in the background, some ten milliseconds after its last user. */
const fallBackPollMs = [5, 10, 20, 50, 100, 200, 500, 1000] as const;

export function recordOf(device: Link, netns: Netns): DeviceRecord {
  const { name, alias, mac, info } = device;
  const hasKind = info !== undefined && !(info.kind === "other" && info.name === "");
  return { name, alias, mac, virtual: hasKind, netns: netns.path };
}

/** Undefined when there is none or it is damaged. */
export function readDeviceRecord(host: Host, owner: Owner): DeviceRecord | undefined {
  const record = readRecord(host, owner, deviceRecord);
  return record === undefined || record.name === "" ? undefined : record;
}

/**
 * Gives the device its old name and alias back, on the node and down. It is looked for in the container; without `container` in the
 * namespace that was recorded; and on the node, where the kernel puts it when that namespace is gone. What is nowhere is no error.
 * @throws CniError 11 when the node has another device of that name; the device stays where it is then, up if it is in the container.
 */
export async function bringHome(host: Host, owner: Owner, container: Connection | undefined): Promise<void> {
  const record = readDeviceRecord(host, owner);
  using recorded = container === undefined ? openRecorded(record) : undefined;
  using opened = recorded === undefined ? undefined : host.routeIn(recorded);
  const inside = container ?? opened;
  const device = inside === undefined ? undefined : findInside(inside, owner.ifname, record);
  if (inside !== undefined && device !== undefined) moveHome(host, inside, device, record);
  else if (record !== undefined) await restoreOnNode(host, record, inside === undefined);
  host.ledger.remove(owner);
}

function moveHome(host: Host, container: Connection, device: Link, record: DeviceRecord | undefined): void {
  const { name, alias } = record ?? { name: device.alias, alias: "" };
  using own = host.netns === undefined ? openOwnNetns() : undefined;
  const netns = host.netns ?? own;
  // The kernel would move the device first and refuse the name afterwards.
  requireFree(host, name, device.name);
  container.apply([
    setLink(device.index, { up: false }, device.name),
    setLink(device.index, { netns, name, alias }, device.name),
  ]);
}

async function restoreOnNode(host: Host, record: DeviceRecord, namespaceIsGone: boolean): Promise<void> {
  let device = findOnNode(host, record);
  for (const ms of namespaceIsGone && !record.virtual ? fallBackPollMs : []) {
    if (device !== undefined) break;
    await host.sleep(ms);
    device = findOnNode(host, record);
  }
  if (device === undefined) return;
  const { name, alias } = record;
  if (device.name !== name) requireFree(host, name, device.name);
  host
    .route()
    .apply([setLink(device.index, { up: false }, device.name), setLink(device.index, { name, alias }, device.name)]);
}

function requireFree(host: Host, name: string, now: string): void {
  if (findLink(host.route(), name) === undefined) return;
  throw new CniError(
    ErrorCode.tryAgainLater,
    `host-device: cannot bring device "${name}" home from ${now}: the node has another device of that name. Rename that one and try again`,
  );
}

/**
 * By the alias it was given, in case it was renamed; else by name and hardware address, in case the alias was lost. Without a record the
 * alias alone tells that the interface there is not somebody else's.
 */
function findInside(container: Connection, ifname: string, record: DeviceRecord | undefined): Link | undefined {
  const named = findLink(container, ifname);
  if (record === undefined) return named !== undefined && named.alias !== "" ? named : undefined;
  if (named?.alias === record.name) return named;
  const renamed = listLinks(container).find(({ alias }) => alias === record.name);
  return renamed ?? (named?.mac !== undefined && named.mac === record.mac ? named : undefined);
}

/** The alias that the device got is on it still; the hardware address tells two devices apart that were called the same. */
function findOnNode(host: Host, record: DeviceRecord): Link | undefined {
  return listLinks(host.route()).find(
    ({ alias, mac }) => alias === record.name && (record.mac === undefined || mac === record.mac),
  );
}

function openRecorded(record: DeviceRecord | undefined): Netns | undefined {
  if (record === undefined) return undefined;
  try {
    return new Netns(record.netns);
  } catch (error) {
    if (error instanceof NetnsError) return undefined;
    throw error;
  }
}
