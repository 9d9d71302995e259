// Forwarding entries of bridges and VXLAN links: behind which port, or at which far address, a hardware address is.

import type { Reader } from "#codec/codec.ts";
import type { Ip } from "#net/ip.ts";
import type { Mac } from "#net/mac.ts";
import type { Connection } from "./connection.ts";
import { Flag, makeRequest, type Request } from "./message.ts";
import {
  emptyNeighbour,
  NeighbourFlag,
  type NeighbourMessage,
  type NeighbourState,
  NeighbourType,
  neighbourMessage,
} from "./neighbour.ts";

/** All zeros: where a VXLAN link sends what no other entry covers. */
export const anyMac = "00:00:00:00:00:00" as Mac;

export type FdbEntry = {
  /** The bridge's port, or the VXLAN link. */
  readonly ifindex: number;
  readonly mac: Mac;
  /** `self` is the link's own table (VXLAN's, a NIC's), `master` that of the bridge above it. */
  readonly table: "self" | "master";
  /**
   * In a bridge: `permanent` for the bridge's own addresses, `noarp` for a static one, else one that ages. VXLAN:
   * `permanent`, or it ages.
   */
  readonly state: NeighbourState;
  /** VXLAN: the far end. */
  readonly dst?: Ip | undefined;
  readonly vlan?: number | undefined;
  /** VXLAN: when the far end has another port or network number than the link, or is behind one certain link. */
  readonly port?: number | undefined;
  readonly vni?: number | undefined;
  readonly via?: number | undefined;
  /** Of a listed one: the bridge. */
  readonly master?: number | undefined;
};

/** Fails with EEXIST when the address has an entry there. */
export function addFdbEntry(entry: FdbEntry): Request {
  return newRequest(entry, "add", Flag.create | Flag.exclusive);
}

/** Makes the entry, or takes the place of the one that the address has there. */
export function replaceFdbEntry(entry: FdbEntry): Request {
  return newRequest(entry, "replace", Flag.create | Flag.replace);
}

/** One more far end for the same address; VXLAN sends to all of them, and only for `anyMac` and multicast addresses. */
export function appendFdbEntry(entry: FdbEntry): Request {
  return newRequest(entry, "append", Flag.create | Flag.append);
}

/** Without `dst`, all far ends of the address. That there is none is no error. */
export function removeFdbEntry(entry: Omit<FdbEntry, "state">): Request {
  return makeRequest(neighbourMessage, toMessage({ ...entry, state: "none" }), {
    type: NeighbourType.del,
    flags: 0,
    text: `remove forwarding entry ${formatEntry(entry)}`,
    allow: ["ENOENT", "ENODEV"],
  });
}

/** Of one link's own table, or, with `master`, of a bridge's ports, or all. @throws KernelError */
export function listFdb(
  connection: Connection,
  { ifindex, master }: { readonly ifindex?: number; readonly master?: number } = {},
): readonly FdbEntry[] {
  const value = { ...emptyNeighbour, family: "bridge", attrs: { via: ifindex, master } } as const;
  const request = makeRequest(neighbourMessage, value, {
    type: NeighbourType.get,
    flags: 0,
    text: "list forwarding entries",
  });
  return connection
    .dump(request, readFdbEntry)
    .filter((entry) => entry !== undefined)
    .filter((entry) => ifindex === undefined || entry.ifindex === ifindex);
}

/** Undefined for an entry that is no bridge's or without an Ethernet address. */
export function readFdbEntry(body: Reader): FdbEntry | undefined {
  const { family, ifindex, state, flags, attrs } = neighbourMessage.decode(body);
  const { mac, dst, vlan, port, vni, via, master } = attrs;
  if (family !== "bridge" || mac === undefined) return undefined;
  return {
    ...{ ifindex, mac, state, table: (flags & NeighbourFlag.self) === 0 ? "master" : "self" },
    ...(dst === undefined ? {} : { dst }),
    ...(vlan === undefined ? {} : { vlan }),
    ...(port === undefined ? {} : { port }),
    ...(vni === undefined ? {} : { vni }),
    ...(via === undefined ? {} : { via }),
    ...(master === undefined ? {} : { master }),
  };
}

function newRequest(entry: FdbEntry, verb: string, flags: number): Request {
  const text = `${verb} forwarding entry ${formatEntry(entry)}`;
  return makeRequest(neighbourMessage, toMessage(entry), { type: NeighbourType.new, flags, text });
}

/** As bridge-fdb(8) writes it. */
function formatEntry({ ifindex, mac, table, dst, vlan, vni }: Omit<FdbEntry, "state">): string {
  const words = [mac, `dev #${ifindex}`, table];
  if (dst !== undefined) words.push(`dst ${dst}`);
  if (vlan !== undefined) words.push(`vlan ${vlan}`);
  if (vni !== undefined) words.push(`vni ${vni}`);
  return words.join(" ");
}

function toMessage({ ifindex, mac, table, state, dst, vlan, port, vni, via }: FdbEntry): NeighbourMessage {
  const flags = NeighbourFlag[table];
  return { family: "bridge", ifindex, state, flags, type: 0, attrs: { dst, mac, vlan, port, vni, via } };
}
