// Packet filters of traffic control: everything that passes here is redirected to another link (linux/pkt_cls.h).

import { attr, attrs, nest } from "#codec/attrs.ts";
import { decode, encode, type Infer, type Reader } from "#codec/codec.ts";
import { cstring, i32, padding, rest, u8, u16, u16be, u32, u32be } from "#codec/scalar.ts";
import { struct } from "#codec/struct.ts";
import type { Connection } from "./connection.ts";
import { Flag, makeRequest, type Request } from "./message.ts";
import { formatHandle, TcMessage, tcHeader } from "./tc.ts";

/** Where a filter hangs, and its place in the order: lower priorities are asked first. */
export type FilterPlace = {
  readonly ifindex: number;
  /** `ingressHandle`, `Parent.clsactEgress`, or the handle of a qdisc with classes. */
  readonly parent: number;
  /** 1 to 65535. */
  readonly priority: number;
};

/** A filter that sends all packets, of whatever protocol, out of the link `to`. */
export type Redirect = FilterPlace & { readonly to: number };

/** What the kernel lists. */
export type Filter = FilterPlace & {
  readonly handle: number;
  /** ETH_P_ number, 3 for all. */
  readonly protocol: number;
  /** `u32`, `bpf`, … */
  readonly kind: string;
  /** For an u32 filter that redirects with its first action: the link where it sends to. */
  readonly to?: number | undefined;
  /** For an u32 filter: whether it looks at no byte of the packet. */
  readonly matchesAll?: boolean | undefined;
};

/** ETH_P_ALL */
const allProtocols = 3;
/** TC_U32_TERMINAL: the match is the last word. */
const terminal = 1;
/** TC_ACT_STOLEN: the packet is no longer ours after the action. */
const stolen = 4;
/** TCA_EGRESS_REDIR */
const egressRedirect = 1;
/** TCA_INGRESS_REDIR is 3; mirroring has the even numbers. */
const ingressRedirect = 3;

/** struct tc_mirred */
const mirred = struct({
  index: u32,
  capabilities: u32,
  action: i32,
  references: i32,
  bindings: i32,
  direction: i32,
  ifindex: u32,
});
const mirredOptions = attrs({ parms: attr(2, mirred) });
const action = attrs({ kind: attr(1, cstring), options: nest(2, mirredOptions) });
/** The kernel dumps foreign kinds of actions too, whose options are none of ours. */
const anyAction = attrs({ kind: attr(1, cstring), options: attr(2, rest) });
/** Actions are numbered from 1 by their attribute types. */
const actions = attrs({ first: nest(1, action) });
const anyActions = attrs({ first: nest(1, anyAction) });

/** struct tc_u32_key */
const key = struct({ mask: u32be, value: u32be, offset: i32, offsetMask: i32 });
/** struct tc_u32_sel with its one key. */
const selector = struct({
  flags: u8,
  offsetShift: u8,
  keys: u8,
  reserved: padding(1),
  offsetMask: u16be,
  offset: u16,
  offsetOffset: u16,
  hashOffset: u16,
  hashMask: u32be,
  key,
});
const redirectOptions = attrs({ selector: attr(5, selector), actions: nest(7, actions) });
const anyOptions = attrs({ selector: attr(5, rest), actions: nest(7, anyActions) });

const filterMessage = struct({
  header: tcHeader,
  attrs: attrs({ kind: attr(1, cstring), options: attr(2, rest) }),
});

/** Fails with EEXIST when a filter has this priority already. */
export function addRedirect({ ifindex, parent, priority, to }: Redirect): Request {
  const options = encode(redirectOptions, toRedirect(to));
  const value = { header: header({ ifindex, parent, priority }, allProtocols), attrs: { kind: "u32", options } };
  return makeRequest(filterMessage, value, {
    type: TcMessage.addFilter,
    flags: Flag.create | Flag.exclusive,
    text: `add filter at ${formatHandle(parent)} dev #${ifindex}, all packets redirected to dev #${to}`,
  });
}

/** Removes all filters of one priority, or of the whole parent for priority 0. That there is none is no error. */
export function removeFilters(place: FilterPlace, protocol: number = allProtocols): Request {
  const { ifindex, parent, priority } = place;
  const value = { header: header(place, priority === 0 ? 0 : protocol), attrs: {} };
  return makeRequest(filterMessage, value, {
    type: TcMessage.removeFilter,
    flags: 0,
    text: `remove filters${priority === 0 ? "" : ` of priority ${priority}`} at ${formatHandle(parent)} dev #${ifindex}`,
    // EINVAL when the qdisc is missing, ENODEV when the link is.
    allow: ["ENOENT", "EINVAL", "ENODEV"],
  });
}

/** None when the link has no such parent. @throws KernelError */
export function listFilters(connection: Connection, ifindex: number, parent: number): readonly Filter[] {
  const value = { header: header({ ifindex, parent, priority: 0 }, 0), attrs: {} };
  const request = makeRequest(filterMessage, value, {
    type: TcMessage.getFilter,
    flags: 0,
    text: `list filters at ${formatHandle(parent)} dev #${ifindex}`,
  });
  // An u32 classifier also lists itself and its hash tables, which match nothing.
  return connection
    .dump(request, readFilter)
    .filter(({ kind, matchesAll }) => kind !== "u32" || matchesAll !== undefined);
}

/** Of an RTM_NEWTFILTER message; what only u32 filters have is missing of others. */
export function readFilter(body: Reader): Filter {
  const { header, attrs } = filterMessage.decode(body);
  const { ifindex, parent, handle, info } = header;
  const kind = attrs.kind ?? "";
  const protocol = ((info & 0xff) << 8) | ((info >>> 8) & 0xff);
  const filter = { ifindex, parent, handle, priority: info >>> 16, protocol, kind };
  if (kind !== "u32" || attrs.options === undefined) return filter;
  const options = decode(anyOptions, attrs.options, "u32");
  if (options.selector === undefined) return filter;
  const to = redirectTarget(options.actions?.first);
  return { ...filter, matchesAll: matchesAll(options.selector), ...(to === undefined ? {} : { to }) };
}

function toRedirect(to: number): Infer<typeof redirectOptions> {
  const parms = {
    ...{ index: 0, capabilities: 0, action: stolen, references: 0, bindings: 0 },
    ...{ direction: egressRedirect, ifindex: to },
  };
  return {
    selector: {
      ...{ flags: terminal, offsetShift: 0, keys: 1, offsetMask: 0, offset: 0 },
      ...{ offsetOffset: 0, hashOffset: 0, hashMask: 0 },
      key: { mask: 0, value: 0, offset: 0, offsetMask: 0 },
    },
    actions: { first: { kind: "mirred", options: { parms } } },
  };
}

function header({ ifindex, parent, priority }: FilterPlace, protocol: number) {
  // The upper half is the priority, the lower one the protocol in network byte order.
  const info = priority * 0x10000 + (((protocol & 0xff) << 8) | (protocol >>> 8));
  return { family: 0, ifindex, handle: 0, parent, info };
}

/** A selector matches everything when none of its keys has a mask. */
function matchesAll(bytes: Uint8Array): boolean {
  const selectorBytes = 16;
  const keyBytes = 16;
  for (let at = selectorBytes; at + keyBytes <= bytes.length; at += keyBytes) {
    if (bytes.subarray(at, at + 4).some((byte) => byte !== 0)) return false;
  }
  return true;
}

function redirectTarget(first: Infer<typeof anyAction> | undefined): number | undefined {
  if (first?.kind !== "mirred" || first.options === undefined) return undefined;
  const { parms } = decode(mirredOptions, first.options, "mirred");
  const redirects = parms?.direction === egressRedirect || parms?.direction === ingressRedirect;
  return redirects ? parms.ifindex : undefined;
}
