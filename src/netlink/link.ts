// Links: made, changed, removed, read (rtnetlink(7), RTM_NEWLINK and its siblings).

import { attr, attrs, findAttr, nest } from "#codec/attrs.ts";
import { encode } from "#codec/codec.ts";
import { u8, u32 } from "#codec/scalar.ts";
import type { Netns } from "#kernel/netns.ts";
import type { Mac } from "#net/mac.ts";
import type { Connection } from "./connection.ts";
import type { BridgePort } from "./link/bridge.ts";
import {
  type LinkAttrs,
  type LinkHeader,
  type LinkInfo,
  linkHeader,
  linkMessage,
  operstateAttr,
} from "./link-message.ts";
import { Flag, makeRequest, type Request } from "./message.ts";

export const LinkType = { new: 16, del: 17, get: 18, set: 19 } as const;

/** IFF_ flags (linux/if.h). */
export const LinkFlag = {
  up: 0x1,
  loopback: 0x8,
  running: 0x40,
  noArp: 0x80,
  promisc: 0x100,
  allmulti: 0x200,
  lowerUp: 0x10000,
} as const;

/** A link as the kernel has it. */
export type Link = {
  readonly index: number;
  readonly name: string;
  readonly flags: number;
  readonly up: boolean;
  readonly mac: Mac | undefined;
  readonly mtu: number;
  /** ARPHRD_ of linux/if_arp.h: what header its packets have. */
  readonly hardware: number;
  /** Ifindex of the bridge or VRF above, 0 for none. */
  readonly master: number;
  /** Ifindex of the parent or the veth peer, 0 for none; in namespace `linkNetnsid` where that is set. */
  readonly parent: number;
  readonly linkNetnsid: number | undefined;
  readonly txqlen: number;
  /** By how many queues it sends. */
  readonly txQueues: number;
  readonly group: number;
  readonly alias: string;
  readonly promiscuity: number;
  readonly maxMtu: number | undefined;
  /** RFC 2863: 6 is up. */
  readonly operstate: number;
  readonly info: LinkInfo | undefined;
};

/** What a link is made with, or changed to; what is absent stays. */
export type LinkSettings = {
  readonly name?: string | undefined;
  readonly mac?: Mac | undefined;
  readonly mtu?: number | undefined;
  readonly txqlen?: number | undefined;
  readonly up?: boolean | undefined;
  readonly promisc?: boolean | undefined;
  readonly allmulti?: boolean | undefined;
  readonly master?: number | undefined;
  readonly parent?: number | undefined;
  readonly group?: number | undefined;
  readonly alias?: string | undefined;
  /** The namespace it is made in, or moved to. */
  readonly netns?: Netns | undefined;
  /** Only when it is made: several queues cost a pod 80 µs and bring a veth pair nothing. */
  readonly queues?: number | undefined;
};

/** Makes a link. `index` chooses its ifindex, so that later requests of the same batch can name it. */
export function addLink(
  settings: LinkSettings & { readonly name: string; readonly index?: number },
  info: LinkInfo,
): Request {
  const { index = 0 } = settings;
  const kind = info.kind === "other" ? info.name : info.kind;
  return makeRequest(
    linkMessage,
    { header: header(index, settings), attrs: { ...attributes(settings), info } },
    { type: LinkType.new, flags: Flag.create | Flag.exclusive, text: `add link ${settings.name} type ${kind}` },
  );
}

/**
 * Makes a veth pair, the peer directly in `peer.netns`. The peer cannot be born up: the kernel answers ENOTCONN.
 * (linux/drivers/net/veth.c)
 */
export function addVeth(
  near: LinkSettings & { readonly name: string; readonly index?: number },
  peer: LinkSettings & { readonly name: string; readonly index?: number },
): Request {
  const peerMessage = { header: header(peer.index ?? 0, peer), attrs: attributes({ queues: 1, ...peer }) };
  const request = addLink({ queues: 1, ...near }, { kind: "veth", data: { peer: peerMessage } });
  return { ...request, text: `add link ${near.name} type veth peer ${peer.name}` };
}

/** Changes what `settings` has, and nothing else; `name` is for errors. Fails with ENODEV without the link. */
export function setLink(index: number, settings: LinkSettings, name = `#${index}`): Request {
  return makeRequest(
    linkMessage,
    { header: header(index, settings), attrs: attributes(settings) },
    { type: LinkType.new, flags: 0, text: `set link ${name} ${describe(settings)}` },
  );
}

// AF_INET (2) > IFLA_INET_CONF (1) > IPV4_DEVCONF_ARP_NOTIFY (22), as linux/if_link.h and linux/ip.h number them.
const arpNotifySpec = attrs({ inet: nest(2, attrs({ conf: nest(1, attrs({ arpNotify: attr(22, u32) })) })) });

/** Sets the sysctl net.ipv4.conf.NAME.arp_notify, at a tenth of what a write below /proc/sys costs. */
export function setArpNotify(index: number, name = `#${index}`): Request {
  const afSpec = encode(arpNotifySpec, { inet: { conf: { arpNotify: 1 } } });
  return makeRequest(
    linkMessage,
    { header: header(index, {}), attrs: { afSpec } },
    { type: LinkType.new, flags: 0, text: `set link ${name} arp_notify` },
  );
}

// AF_INET6 (10) > IFLA_INET6_ADDR_GEN_MODE (8), linux/if_link.h; 1 is IN6_ADDR_GEN_MODE_NONE.
const addressModeSpec = attrs({ inet6: nest(10, attrs({ mode: attr(8, u8) })) });

/** Keeps the kernel from giving a link a link-local address, and from all that it sends for one. Before the link is up. */
export function setNoLinkLocal(index: number, name = `#${index}`): Request {
  const afSpec = encode(addressModeSpec, { inet6: { mode: 1 } });
  return makeRequest(
    linkMessage,
    { header: header(index, {}), attrs: { afSpec } },
    {
      type: LinkType.new,
      flags: 0,
      text: `set link ${name} addrgenmode none`,
      // A kernel without IPv6.
      allow: ["EAFNOSUPPORT", "EOPNOTSUPP"],
    },
  );
}

/** Changes what a link has as the port of a bridge. */
export function setBridgePort(index: number, port: BridgePort, name = `#${index}`): Request {
  const text = `set bridge port ${name} ${JSON.stringify(port)}`;
  return makeRequest(
    linkMessage,
    { header: header(index, {}), attrs: { info: { kind: "other", name: "", port } } },
    { type: LinkType.new, flags: 0, text },
  );
}

/** Changes what a link has as one of its kind: a bridge's VLAN filtering. */
export function setLinkInfo(index: number, info: LinkInfo, name = `#${index}`): Request {
  return makeRequest(
    linkMessage,
    { header: header(index, {}), attrs: { info } },
    { type: LinkType.new, flags: 0, text: `set link ${name} type ${info.kind}` },
  );
}

/** The kernel takes about 15 ms for one. */
export function removeLink(index: number, name = `#${index}`): Request {
  return makeRequest(
    linkMessage,
    { header: header(index, {}), attrs: {} },
    { type: LinkType.del, flags: 0, text: `remove link ${name}`, allow: ["ENODEV"] },
  );
}

/** Removes every link of a group in the socket's namespace at once: hardly slower than removing one. */
export function removeLinkGroup(group: number): Request {
  return makeRequest(
    linkMessage,
    { header: header(0, {}), attrs: { group } },
    { type: LinkType.del, flags: 0, text: `remove links of group ${group}`, allow: ["ENODEV"] },
  );
}

/** RTEXT_FILTER_SKIP_STATS (linux/rtnetlink.h): counters are half of an answer, and nobody reads them here. */
const skipStats = 8;

/** By name or number; undefined when there is none. @throws KernelError */
export function findLink(connection: Connection, which: string | number): Link | undefined {
  return connection.find(getLink(which), (body) => toLink(linkMessage.decode(body)));
}

/** `Link.operstate` alone, at a fraction of the work; undefined: there is no such link. @throws KernelError */
export function findOperstate(connection: Connection, index: number): number | undefined {
  return connection.find(getLink(index), (body) => {
    linkHeader.decode(body);
    return findAttr(body, operstateAttr) ?? 0;
  });
}

function getLink(which: string | number): Request {
  const byName = typeof which === "string";
  return makeRequest(
    linkMessage,
    { header: header(byName ? 0 : which, {}), attrs: { ...(byName ? { name: which } : {}), extMask: skipStats } },
    { type: LinkType.get, flags: 0, text: `read link ${byName ? which : `#${which}`}` },
  );
}

/** All links of the connection's namespace, without their counters. @throws KernelError */
export function listLinks(connection: Connection): readonly Link[] {
  const request = makeRequest(
    linkMessage,
    { header: header(0, {}), attrs: { extMask: skipStats } },
    { type: LinkType.get, flags: 0, text: "list links" },
  );
  return connection.dump(request, (body) => toLink(linkMessage.decode(body)));
}

export function toLink({ header, attrs }: { readonly header: LinkHeader; readonly attrs: LinkAttrs }): Link {
  return {
    index: header.index,
    name: attrs.name ?? "",
    flags: header.flags,
    up: (header.flags & LinkFlag.up) !== 0,
    mac: attrs.address,
    mtu: attrs.mtu ?? 0,
    hardware: header.type,
    master: attrs.master ?? 0,
    parent: attrs.link ?? 0,
    linkNetnsid: attrs.linkNetnsid,
    txqlen: attrs.txqlen ?? 0,
    txQueues: attrs.numTxQueues ?? 1,
    group: attrs.group ?? 0,
    alias: attrs.alias ?? "",
    promiscuity: attrs.promiscuity ?? 0,
    maxMtu: attrs.maxMtu,
    operstate: attrs.operstate ?? 0,
    info: attrs.info,
  };
}

function header(index: number, settings: LinkSettings): LinkHeader {
  const { up, promisc, allmulti } = settings;
  let flags = 0;
  let change = 0;
  for (const [flag, wanted] of [
    [LinkFlag.up, up],
    [LinkFlag.promisc, promisc],
    [LinkFlag.allmulti, allmulti],
  ] as const) {
    if (wanted === undefined) continue;
    change |= flag;
    if (wanted) flags |= flag;
  }
  return { family: "unspec", type: 0, index, flags, change };
}

function attributes(settings: LinkSettings): LinkAttrs {
  const { name, mac, mtu, txqlen, master, parent, group, alias, netns, queues } = settings;
  return {
    name,
    address: mac,
    mtu,
    txqlen,
    master,
    link: parent,
    group,
    alias,
    netnsFd: netns?.fd,
    numTxQueues: queues,
    numRxQueues: queues,
  };
}

function describe(settings: LinkSettings): string {
  return Object.entries(settings)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => (name === "netns" ? `netns ${(value as Netns).path}` : `${name} ${String(value)}`))
    .join(" ");
}
