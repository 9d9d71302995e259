// Routes (rtnetlink(7), RTM_NEWROUTE; linux/rtnetlink.h).

import { attr, attrs, nest } from "#codec/attrs.ts";
import type { Codec, Infer } from "#codec/codec.ts";
import { named, rest, u8, u16, u32 } from "#codec/scalar.ts";
import { struct } from "#codec/struct.ts";
import { addressOf, type Cidr, familyOfCidr, isDefault, lengthOf } from "#net/cidr.ts";
import { bitsOf, type Family, type Ip, ipFromBytes } from "#net/ip.ts";
import { family, ipField } from "./address-field.ts";
import type { Connection } from "./connection.ts";
import { Flag, makeRequest, type Request } from "./message.ts";

export const RouteType = { new: 24, del: 25, get: 26 } as const;

/** RT_TABLE_ numbers. */
export const RouteTable = { default: 253, main: 254, local: 255 } as const;

const header = struct({
  family,
  dstLength: u8,
  srcLength: u8,
  tos: u8,
  table: u8,
  // 87 is ours: by it the agent knows its own routes again.
  protocol: named(u8, { unspec: 0, redirect: 1, kernel: 2, boot: 3, static: 4, ra: 9, dhcp: 16, twill: 87 }),
  scope: named(u8, { universe: 0, site: 200, link: 253, host: 254, nowhere: 255 }),
  type: named(u8, {
    unspec: 0,
    unicast: 1,
    local: 2,
    broadcast: 3,
    anycast: 4,
    multicast: 5,
    blackhole: 6,
    unreachable: 7,
  }),
  flags: u32,
});
export type RouteScope = Infer<typeof header>["scope"];

/** RTNH_F_ONLINK: the gateway is on the link whatever the addresses say. */
const onLinkFlag = 4;
/** RTM_F_CLONED: a cache entry, not a route. */
const clonedFlag = 0x200;

const metrics = attrs({ mtu: attr(2, u32), advmss: attr(8, u32) });

/** struct rtnexthop, then its attributes; `hops` is the weight less one. */
type Nexthop = {
  readonly index: number;
  readonly gateway: Ip | undefined;
  readonly weight: number;
  readonly onLink: boolean;
};
const nexthopHeader = struct({ length: u16, flags: u8, hops: u8, index: u32 });
const nexthopAttrs = attrs({ gateway: attr(5, ipField) });
const nexthops: Codec<readonly Nexthop[]> = {
  encode(writer, values) {
    for (const hop of values) {
      const start = writer.length;
      const flags = hop.onLink ? onLinkFlag : 0;
      nexthopHeader.encode(writer, { length: 0, flags, hops: hop.weight - 1, index: hop.index });
      nexthopAttrs.encode(writer, { gateway: hop.gateway });
      writer.view().setUint16(start, writer.length - start, true);
    }
  },
  decode(reader) {
    const out: Nexthop[] = [];
    while (reader.left >= 8) {
      const { length, flags, hops, index } = nexthopHeader.decode(reader);
      const { gateway } = nexthopAttrs.decode(reader.sub(Math.max(0, length - 8), "nexthop"));
      out.push({ index, gateway, weight: hops + 1, onLink: (flags & onLinkFlag) !== 0 });
    }
    reader.take(reader.left);
    return out;
  },
};

const routeAttrs = attrs({
  dst: attr(1, ipField),
  oif: attr(4, u32),
  gateway: attr(5, ipField),
  priority: attr(6, u32),
  prefSrc: attr(7, ipField),
  metrics: nest(8, metrics),
  multipath: attr(9, nexthops),
  table: attr(15, u32),
  encapType: attr(21, u16),
  encap: nest(22, rest),
});

export const routeMessage = struct({ header, attrs: routeAttrs });
type RouteMessage = Infer<typeof routeMessage>;

export type Route = {
  /** A default route is `0.0.0.0/0` or `::/0`. */
  readonly dst: Cidr;
  readonly oif?: number | undefined;
  readonly gateway?: Ip | undefined;
  /** The metric; lower wins. */
  readonly priority?: number | undefined;
  /** Of the packets that it is for; absent: all that no other route of the destination is for. */
  readonly tos?: number | undefined;
  readonly prefSrc?: Ip | undefined;
  /** Absent: main (254). */
  readonly table?: number | undefined;
  /** Absent: link without a gateway, else universe. */
  readonly scope?: RouteScope | undefined;
  readonly type?: RouteMessage["header"]["type"] | undefined;
  readonly protocol?: RouteMessage["header"]["protocol"] | undefined;
  readonly mtu?: number | undefined;
  readonly advmss?: number | undefined;
  readonly onLink?: boolean | undefined;
  readonly multipath?: readonly Nexthop[] | undefined;
  /** LWTUNNEL_ENCAP_ number and its attributes as bytes. */
  readonly encap?: { readonly type: number; readonly bytes: Uint8Array } | undefined;
};

/** What the kernel makes of a route without a metric (IP6_RT_PRIO_USER). */
const plainPriority: { readonly [F in Family]: number } = { ipv4: 0, ipv6: 1024 };

/** Whether a route says nothing but where packets go, to all of them: no metric, no limits, no type of service. */
export function isPlainRoute({ dst, type, priority = 0, tos, mtu, advmss, multipath }: Route): boolean {
  const limits = [tos, mtu, advmss, multipath].filter((limit) => limit !== undefined);
  return type === "unicast" && limits.length === 0 && priority === plainPriority[familyOfCidr(dst)];
}

/** Fails with EEXIST when there is one of the same destination, table and priority, unless `allow` has that. */
export function addRoute(route: Route, allow?: readonly string[]): Request {
  return request(route, RouteType.new, Flag.create | Flag.exclusive, "add", allow);
}

/** Makes the route, or takes the place of the one of the same destination, table and priority. */
export function replaceRoute(route: Route): Request {
  return request(route, RouteType.new, Flag.create | Flag.replace, "replace");
}

/** Adds beside a route to the same destination: IPv6 joins them to one with several nexthops. */
export function appendRoute(route: Route, allow?: readonly string[]): Request {
  return request(route, RouteType.new, Flag.create | Flag.append, "append", allow);
}

/** The first route that has all that is given. That there is none is no error. */
export function removeRoute(route: Route): Request {
  return request(route, RouteType.del, 0, "remove", ["ESRCH", "ENODEV"]);
}

/** Routes of one family, from one table (absent: all tables, the kernel's local one included). */
export function listRoutes(
  connection: Connection,
  of: Family,
  filter: { readonly table?: number; readonly oif?: number } = {},
): readonly Route[] {
  const found = connection.dump(
    makeRequest(
      routeMessage,
      { header: emptyHeader(of), attrs: { table: filter.table, oif: filter.oif } },
      { type: RouteType.get, flags: 0, text: `list ${of} routes`, allow: ["ENOENT"] },
    ),
    (reader) => toRoute(routeMessage.decode(reader)),
  );
  return found.filter((route) => route !== undefined);
}

/** Undefined for a clone that the kernel keeps for a single destination. */
export function toRoute({ header, attrs }: RouteMessage): Route | undefined {
  if ((header.flags & clonedFlag) !== 0) return undefined;
  const of: Family = header.family === "ipv6" ? "ipv6" : "ipv4";
  const any = ipFromBytes(new Uint8Array(bitsOf(of) / 8));
  const { mtu, advmss } = attrs.metrics ?? {};
  return {
    dst: `${attrs.dst ?? any}/${header.dstLength}` as Cidr,
    oif: attrs.oif,
    gateway: attrs.gateway,
    priority: attrs.priority,
    ...(header.tos === 0 ? {} : { tos: header.tos }),
    prefSrc: attrs.prefSrc,
    table: attrs.table ?? header.table,
    scope: header.scope,
    type: header.type,
    protocol: header.protocol,
    mtu,
    advmss,
    onLink: (header.flags & onLinkFlag) !== 0,
    multipath: attrs.multipath,
    encap: attrs.encap === undefined ? undefined : { type: attrs.encapType ?? 0, bytes: attrs.encap },
  };
}

/** As ip-route(8) writes it: `10.0.1.0/24 via 192.168.0.2 dev #3 table 100`. */
export function formatRoute(route: Route): string {
  const words: string[] = [isDefault(route.dst) ? "default" : route.dst];
  if (route.gateway !== undefined) words.push("via", route.gateway);
  if (route.oif !== undefined) words.push("dev", `#${route.oif}`);
  for (const hop of route.multipath ?? []) words.push("nexthop", hop.gateway ?? "", "dev", `#${hop.index}`);
  if (route.table !== undefined && route.table !== RouteTable.main) words.push("table", String(route.table));
  if (route.priority !== undefined && route.priority !== 0) words.push("metric", String(route.priority));
  if (route.tos !== undefined) words.push("tos", `0x${route.tos.toString(16)}`);
  if (route.prefSrc !== undefined) words.push("src", route.prefSrc);
  if (route.mtu !== undefined) words.push("mtu", String(route.mtu));
  if (route.advmss !== undefined) words.push("advmss", String(route.advmss));
  return words.join(" ");
}

function request(route: Route, type: number, flags: number, verb: string, allow?: readonly string[]): Request {
  const table = route.table ?? RouteTable.main;
  const gatewayless = route.gateway === undefined && route.multipath === undefined;
  const removing = type === RouteType.del;
  // ip-route(8)'s defaults; a removal names no scope, which matches any.
  const scope = route.scope ?? (removing ? "nowhere" : gatewayless ? "link" : "universe");
  const { mtu, advmss } = route;
  return makeRequest(
    routeMessage,
    {
      header: {
        ...emptyHeader(familyOfCidr(route.dst)),
        dstLength: lengthOf(route.dst),
        tos: route.tos ?? 0,
        table: table < 256 ? table : 0,
        protocol: route.protocol ?? (removing ? "unspec" : "boot"),
        scope: familyOfCidr(route.dst) === "ipv6" ? "universe" : scope,
        type: route.type ?? (removing ? "unspec" : "unicast"),
        flags: route.onLink === true ? onLinkFlag : 0,
      },
      attrs: {
        dst: isDefault(route.dst) ? undefined : addressOf(route.dst),
        oif: route.oif,
        gateway: route.gateway,
        priority: route.priority,
        prefSrc: route.prefSrc,
        metrics: mtu === undefined && advmss === undefined ? undefined : { mtu, advmss },
        multipath: route.multipath,
        table,
        encapType: route.encap?.type,
        encap: route.encap?.bytes,
      },
    },
    { type, flags, text: `${verb} route ${formatRoute(route)}`, allow },
  );
}

function emptyHeader(of: Family): RouteMessage["header"] {
  return {
    family: of,
    dstLength: 0,
    srcLength: 0,
    tos: 0,
    table: 0,
    protocol: "unspec",
    scope: "universe",
    type: "unspec",
    flags: 0,
  };
}
