// Connections that the kernel tracks: listed, and removed one by one (linux/netfilter/nfnetlink_conntrack.h).

import { attr, attrs, nest } from "#codec/attrs.ts";
import type { Infer, Reader } from "#codec/codec.ts";
import { named, padding, rest, u8, u16, u16be, u32, u32be } from "#codec/scalar.ts";
import { struct } from "#codec/struct.ts";
import type { Family, Ip } from "#net/ip.ts";
import { family, ipField } from "./address-field.ts";
import type { Connection, Failure } from "./connection.ts";
import { makeRequest, type Request } from "./message.ts";

/** NFNL_SUBSYS_CTNETLINK in the upper byte, IPCTNL_MSG_CT_ in the lower. */
const MessageType = { get: 0x101, delete: 0x102 } as const;

const ipAttrs = attrs({
  src4: attr(1, ipField),
  dst4: attr(2, ipField),
  src6: attr(3, ipField),
  dst6: attr(4, ipField),
});
/** IPPROTO_ */
const protocol = named(u8, { icmp: 1, tcp: 6, udp: 17, icmpv6: 58, sctp: 132 });
/** ICMP's fields are written back as they came: the kernel needs the whole tuple to find the connection. */
const protocolAttrs = attrs({ protocol: attr(1, protocol), srcPort: attr(2, u16be), dstPort: attr(3, u16be) });
const tuple = attrs({ ip: nest(1, ipAttrs), protocol: nest(2, protocolAttrs), zone: attr(3, u16be) });

/** struct nfgenmsg, then attributes. */
const conntrackMessage = struct({
  family,
  version: padding(1),
  resource: u16,
  attrs: attrs({
    original: nest(1, tuple),
    reply: nest(2, tuple),
    status: attr(3, u32be),
    mark: attr(8, u32be),
    /** CTA_ID: tells a connection from a later one with the same tuple. */
    id: attr(12, rest),
    zone: attr(18, u16be),
    /** CTA_FILTER: which fields of `original` a listing must match. */
    filter: nest(25, attrs({ original: attr(1, u32) })),
  }),
});
/** CTA_FILTER_F_CTA_PROTO_NUM, CTA_FILTER_F_CTA_PROTO_DST_PORT */
const filterByPort = 0x8 | 0x20;
type Tuple = Infer<typeof tuple>;

/** One direction of a connection. Protocols without ports have none. */
export type Flow = {
  readonly src: Ip;
  readonly dst: Ip;
  readonly srcPort?: number | undefined;
  readonly dstPort?: number | undefined;
};

/** `original` is what its first packet said, before any translation; `reply` what its answers say. */
export type TrackedConnection = {
  readonly family: Family;
  readonly protocol: Infer<typeof protocol>;
  readonly original: Flow;
  readonly reply: Flow;
  readonly mark: number;
  /** What the kernel finds it by again. */
  readonly key: Pick<Infer<typeof conntrackMessage>["attrs"], "original" | "id" | "zone">;
};

/** Only what is given must match. */
export type ConntrackMatch = {
  readonly protocol?: Infer<typeof protocol> | undefined;
  /** Where its first packet went to, before translation. */
  readonly originalDst?: Ip | undefined;
  readonly originalDstPort?: number | undefined;
  /** Who sends the answers: behind a destination translation, the real server. */
  readonly replySrc?: Ip | undefined;
  /** Source or destination in either direction. */
  readonly address?: Ip | undefined;
};

/** All connections of one family that match. Takes a `netfilter` connection. @throws KernelError */
export function listConnections(
  connection: Connection,
  of: Family,
  match: ConntrackMatch = {},
): readonly TrackedConnection[] {
  const request = makeRequest(
    conntrackMessage,
    { family: of, resource: 0, attrs: kernelFilter(match) },
    { type: MessageType.get, flags: 0, text: `list tracked ${of} connections` },
  );
  return connection
    .dump(request, readTracked)
    .filter((tracked) => tracked !== undefined)
    .filter((tracked) => matches(tracked, match));
}

// Nodes track hundreds of thousands of connections: what the kernel can sort out is not sent (since Linux 5.8).
function kernelFilter({ protocol, originalDstPort }: ConntrackMatch): Infer<typeof conntrackMessage>["attrs"] {
  if (protocol === undefined || originalDstPort === undefined) return {};
  return { original: { protocol: { protocol, dstPort: originalDstPort } }, filter: { original: filterByPort } };
}

/** That it has ended meanwhile is no error. */
export function removeTracked(tracked: TrackedConnection): Request {
  const { family, key } = tracked;
  return makeRequest(
    conntrackMessage,
    { family, resource: 0, attrs: key },
    {
      type: MessageType.delete,
      flags: 0,
      text: `remove tracked connection ${formatTracked(tracked)}`,
      allow: ["ENOENT"],
    },
  );
}

/** Forgets all connections that match, and returns those that it could not forget. @throws KernelError */
export function forgetConnections(connection: Connection, of: Family, match: ConntrackMatch): readonly Failure[] {
  return connection.tryApply(listConnections(connection, of, match).map(removeTracked));
}

/** Whether a connection has all that is asked for; what is not asked may be anything. */
export function matches({ protocol, original, reply }: TrackedConnection, match: ConntrackMatch): boolean {
  const all: readonly (readonly [wanted: unknown, found: readonly unknown[]])[] = [
    [match.protocol, [protocol]],
    [match.originalDst, [original.dst]],
    [match.originalDstPort, [original.dstPort]],
    [match.replySrc, [reply.src]],
    [match.address, [original.src, original.dst, reply.src, reply.dst]],
  ];
  return all.every(([wanted, found]) => wanted === undefined || found.includes(wanted));
}

/** Undefined for a message without addresses. */
export function readTracked(body: Reader): TrackedConnection | undefined {
  const { family, attrs } = conntrackMessage.decode(body);
  const { original, reply, mark = 0, id, zone } = attrs;
  const [there, back] = [toFlow(original), toFlow(reply)];
  const protocol = original?.protocol?.protocol;
  if (there === undefined || back === undefined || protocol === undefined) return undefined;
  return {
    ...{ family: family === "ipv6" ? "ipv6" : "ipv4", protocol, original: there, reply: back, mark },
    key: { original, id, zone },
  };
}

function toFlow(tuple: Tuple | undefined): Flow | undefined {
  const { src4, src6, dst4, dst6 } = tuple?.ip ?? {};
  const [src, dst] = [src4 ?? src6, dst4 ?? dst6];
  if (src === undefined || dst === undefined) return undefined;
  const { srcPort, dstPort } = tuple?.protocol ?? {};
  return {
    ...{ src, dst },
    ...(srcPort === undefined ? {} : { srcPort }),
    ...(dstPort === undefined ? {} : { dstPort }),
  };
}

function formatTracked({ protocol, original }: TrackedConnection): string {
  const end = (address: Ip, port: number | undefined) => (port === undefined ? address : `${address} port ${port}`);
  return `${protocol} ${end(original.src, original.srcPort)} to ${end(original.dst, original.dstPort)}`;
}
