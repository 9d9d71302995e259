// Neighbours: which hardware address an IP address has on a link (linux/neighbour.h).

import { attr, attrs } from "#codec/attrs.ts";
import type { Infer, Reader } from "#codec/codec.ts";
import { i32, named, padding, u8, u16, u16be, u32 } from "#codec/scalar.ts";
import { struct } from "#codec/struct.ts";
import { familyOf, type Ip } from "#net/ip.ts";
import type { Mac } from "#net/mac.ts";
import { family, ipField, macField } from "./address-field.ts";
import type { Connection } from "./connection.ts";
import { Flag, makeRequest, type Request } from "./message.ts";

/** RTM_ */
export const NeighbourType = { new: 28, del: 29, get: 30 } as const;

/** NUD_ */
const states = {
  none: 0,
  incomplete: 0x01,
  reachable: 0x02,
  stale: 0x04,
  delay: 0x08,
  probe: 0x10,
  failed: 0x20,
  noarp: 0x40,
  permanent: 0x80,
} as const;

/** NTF_ */
export const NeighbourFlag = {
  self: 0x02,
  master: 0x04,
  proxy: 0x08,
  externallyLearned: 0x10,
  router: 0x80,
} as const;

/** struct ndmsg, then attributes; bridge entries use it too. */
export const neighbourMessage = struct({
  family,
  reserved: padding(3),
  ifindex: i32,
  state: named(u16, states),
  flags: u8,
  type: u8,
  attrs: attrs({
    dst: attr(1, ipField),
    mac: attr(2, macField),
    vlan: attr(5, u16),
    port: attr(6, u16be),
    vni: attr(7, u32),
    via: attr(8, u32),
    master: attr(9, u32),
    sourceVni: attr(11, u32),
  }),
});
export type NeighbourMessage = Infer<typeof neighbourMessage>;

export type NeighbourState = NeighbourMessage["state"];

export type Neighbour = {
  readonly ifindex: number;
  readonly address: Ip;
  /** Undefined while the kernel looks for it. */
  readonly mac?: Mac | undefined;
  /** `permanent` stays until it is removed. */
  readonly state: NeighbourState;
  /** The neighbour forwards packets; IPv6 only. */
  readonly router?: boolean | undefined;
};

/** What `addNeighbour` and `replaceNeighbour` need; the state is `permanent` unless given. */
export type NewNeighbour = Omit<Neighbour, "mac" | "state"> & {
  readonly mac: Mac;
  readonly state?: NeighbourState | undefined;
};

/** Fails with EEXIST when the address has an entry on the link. */
export function addNeighbour(neighbour: NewNeighbour): Request {
  return newRequest(neighbour, "add", Flag.create | Flag.exclusive);
}

/** Makes the entry, or takes the place of the one that the address has on the link. */
export function replaceNeighbour(neighbour: NewNeighbour): Request {
  return newRequest(neighbour, "replace", Flag.create | Flag.replace);
}

/** That there is none is no error. */
export function removeNeighbour({ ifindex, address }: Pick<Neighbour, "ifindex" | "address">): Request {
  const value = { ...emptyNeighbour, family: familyOf(address), ifindex, attrs: { dst: address } };
  return makeRequest(neighbourMessage, value, {
    type: NeighbourType.del,
    flags: 0,
    text: `remove neighbour ${address} dev #${ifindex}`,
    allow: ["ENOENT", "ENODEV", "ENXIO"],
  });
}

/** Of both families, or all of one link. Proxy entries are not among them. @throws KernelError */
export function listNeighbours(connection: Connection, ifindex?: number): readonly Neighbour[] {
  const value = { ...emptyNeighbour, attrs: { via: ifindex } };
  const request = makeRequest(neighbourMessage, value, { type: NeighbourType.get, flags: 0, text: "list neighbours" });
  const found = connection.dump(request, readNeighbour);
  return found.filter((neighbour) => neighbour !== undefined);
}

/** Undefined for an entry that is no IP neighbour (a bridge's). */
export function readNeighbour(body: Reader): Neighbour | undefined {
  const { family, ifindex, state, flags, attrs } = neighbourMessage.decode(body);
  const { dst, mac } = attrs;
  if ((family !== "ipv4" && family !== "ipv6") || dst === undefined) return undefined;
  return {
    ifindex,
    address: dst,
    ...(mac === undefined ? {} : { mac }),
    state,
    ...((flags & NeighbourFlag.router) === 0 ? {} : { router: true }),
  };
}

export const emptyNeighbour: NeighbourMessage = {
  family: "unspec",
  ifindex: 0,
  state: "none",
  flags: 0,
  type: 0,
  attrs: {},
};

function newRequest(neighbour: NewNeighbour, verb: string, flags: number): Request {
  const { ifindex, address, mac, state = "permanent", router } = neighbour;
  const value = {
    ...{ ...emptyNeighbour, family: familyOf(address), ifindex, state },
    flags: router ? NeighbourFlag.router : 0,
    attrs: { dst: address, mac },
  };
  const text = `${verb} neighbour ${address} lladdr ${mac} dev #${ifindex}`;
  return makeRequest(neighbourMessage, value, { type: NeighbourType.new, flags, text });
}
