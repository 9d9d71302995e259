// The bytes of a link: struct ifinfomsg and the IFLA_ attributes (linux/if_link.h, rtnetlink(7)).

import { type AttrsOf, attr, attrs, nest } from "#codec/attrs.ts";
import { type Codec, decode, encode, type Infer } from "#codec/codec.ts";
import { cstring, i32, padding, rest, u8, u16, u32 } from "#codec/scalar.ts";
import { struct } from "#codec/struct.ts";
import { family, macField } from "./address-field.ts";
import { bridge, bridgePort } from "./link/bridge.ts";
import { ipvlan } from "./link/ipvlan.ts";
import { macvlan } from "./link/macvlan.ts";
import { tun } from "./link/tun.ts";
import { vlan } from "./link/vlan.ts";
import { vrf } from "./link/vrf.ts";
import { vxlan } from "./link/vxlan.ts";

/*
 *  0        1        2        3
 * +--------+--------+--------+--------+
 * | family |   -    |      type       |  struct ifinfomsg
 * +--------+--------+-----------------+
 * |              ifindex              |
 * |               flags               |
 * |       change: which flags         |
 * +-----------------------------------+
 */
export const linkHeader = struct({ family, pad: padding(1), type: u16, index: i32, flags: u32, change: u32 });
export type LinkHeader = Infer<typeof linkHeader>;

const empty = attrs({});

// The far end of a veth pair is described by a whole link message inside VETH_INFO_PEER.
const vethPeer: Codec<LinkMessage> = {
  encode: (writer, value) => linkMessage.encode(writer, value),
  decode: (reader) => linkMessage.decode(reader),
};
const veth = attrs({ peer: nest(1, vethPeer) });

/** What each kind of link has of its own (IFLA_INFO_DATA). */
const linkKinds = {
  bridge,
  dummy: empty,
  ifb: empty,
  ipvlan,
  macvlan,
  tun,
  veth,
  vlan,
  vrf,
  vxlan,
  wireguard: empty,
} as const;

export type LinkKind = keyof typeof linkKinds;
type KnownInfo = {
  readonly [K in LinkKind]: {
    readonly kind: K;
    readonly data?: Infer<(typeof linkKinds)[K]> | undefined;
    readonly port?: Infer<typeof bridgePort> | undefined;
  };
}[LinkKind];

/** Kind and its data; a kind this table does not know keeps its name. `port` is set on links enslaved to a bridge. */
export type LinkInfo =
  | KnownInfo
  | { readonly kind: "other"; readonly name: string; readonly port?: Infer<typeof bridgePort> | undefined };

const rawInfo = attrs({
  kind: attr(1, cstring),
  data: nest(2, rest),
  slaveKind: attr(4, cstring),
  slaveData: nest(5, rest),
});

const linkInfo: Codec<LinkInfo> = {
  encode(writer, value) {
    rawInfo.encode(writer, {
      ...(value.kind === "other" ? {} : encodeKind(value)),
      ...(value.port === undefined ? {} : { slaveKind: "bridge", slaveData: encode(bridgePort, value.port) }),
    });
  },
  decode(reader) {
    const { kind, data, slaveKind, slaveData } = rawInfo.decode(reader);
    const port =
      slaveKind === "bridge" && slaveData !== undefined ? { port: decode(bridgePort, slaveData, "port") } : {};
    if (kind === undefined || !(kind in linkKinds)) return { kind: "other", name: kind ?? "", ...port };
    const codec = linkKinds[kind as LinkKind] as Codec<unknown>;
    return { kind, ...(data === undefined ? {} : { data: decode(codec, data, kind) }), ...port } as LinkInfo;
  },
};

function encodeKind(info: KnownInfo): { readonly kind: string; readonly data?: Uint8Array } {
  if (info.data === undefined) return { kind: info.kind };
  return { kind: info.kind, data: encode(linkKinds[info.kind] as Codec<unknown>, info.data) };
}

export const operstateAttr = attr(16, u8);

const linkAttrTable = {
  address: attr(1, macField),
  name: attr(3, cstring),
  mtu: attr(4, u32),
  /** Ifindex of the parent, or of the other end of a veth pair. */
  link: attr(5, u32),
  /** Ifindex of the bridge or VRF that the link is enslaved to; 0 releases it. */
  master: attr(10, u32),
  txqlen: attr(13, u32),
  /** RFC 2863: 2 down, 6 up. */
  operstate: operstateAttr,
  info: nest(18, linkInfo),
  alias: attr(20, cstring),
  /** Per address family; requests only, since the kernel answers in another form than it accepts. */
  afSpec: nest(26, rest),
  group: attr(27, u32),
  netnsFd: attr(28, u32),
  extMask: attr(29, u32),
  promiscuity: attr(30, u32),
  numTxQueues: attr(31, u32),
  numRxQueues: attr(32, u32),
  /** Where `link` is, when it is in another namespace. */
  linkNetnsid: attr(37, i32),
  maxMtu: attr(51, u32),
} as const;
const linkAttrs: Codec<AttrsOf<typeof linkAttrTable>> = attrs(linkAttrTable);
export type LinkAttrs = Infer<typeof linkAttrs>;

export type LinkMessage = { readonly header: LinkHeader; readonly attrs: LinkAttrs };

/** Also the body of a link request. */
export const linkMessage: Codec<LinkMessage> = {
  encode(writer, value) {
    linkHeader.encode(writer, value.header);
    linkAttrs.encode(writer, value.attrs);
  },
  decode: (reader) => ({ header: linkHeader.decode(reader), attrs: linkAttrs.decode(reader) }),
};
