// A link that a plugin makes inside the container and nowhere else: what macvlan, ipvlan, vlan, dummy and tap share.

import { Rollback } from "#base/rollback.ts";
import { cniDns } from "#cni/convert.ts";
import { decode, object, optional } from "#cni/decode.ts";
import type { Call } from "#cni/plugin.ts";
import { type Dns, emptyResult, type Result } from "#cni/result.ts";
import { isErrno } from "#kernel/errno.ts";
import type { Netns } from "#kernel/netns.ts";
import type { Connection } from "#netlink/connection.ts";
import { findLink, type Link, removeLink, setLink } from "#netlink/link.ts";
import type { LinkKind } from "#netlink/link-message.ts";
import { checkAttachment } from "./attachment-check.ts";
import { configureRequests, openNetns, openNetnsIfThere, prepareIpv6, requireFreeName } from "./container.ts";
import type { Host } from "./host.ts";
import { addIpam, checkIpam, delIpam, gcIpam, ipamType, statusIpam } from "./ipam.ts";
import type { LinkRemover } from "./link-remover.ts";
import { waitUntilOwn } from "./own-addresses.ts";

/** A container's namespace and a connection into it. */
export type Inside = { readonly netns: Netns; readonly container: Connection };

/** How a plugin makes its link. */
export type LinkMaker = {
  /** Makes the link inside, or nothing when it throws. Returns the name it has, if that is not CNI_IFNAME yet. */
  readonly make: (inside: Inside) => string;
  /** Settings before the link comes up. Returns the link as it is then. */
  readonly prepare?: (link: Link, inside: Inside) => Link;
  /** Addresses from the previous plugin; taken when the configuration names no IPAM plugin. */
  readonly chained?: Pick<Result, "ips" | "routes"> | undefined;
};

/**
 * ADD: the link, its addresses if there is an IPAM plugin, up. A failure leaves nothing.
 * @throws CniError, KernelError
 */
export async function addContainerLink(call: Call, host: Host, maker: LinkMaker): Promise<Result> {
  using netns = openNetns(call);
  using container = host.routeIn(netns);
  requireFreeName(container, call);
  await using undo = new Rollback();
  // The link comes first: a DHCP client needs it to ask for addresses.
  const link = makeLink(call, { netns, container }, maker, undo);
  const { ips, routes, dns } = await addresses(call, host, maker, undo);
  const result: Result = {
    interfaces: [{ name: call.ifname, mac: link.mac ?? "", sandbox: call.netns }],
    ips: ips.map((ip) => ({ ...ip, interface: 0 })),
    routes,
    dns: chooseDns(call, dns),
  };
  prepareIpv6(netns, call.ifname, ips);
  container.apply(configureRequests(link.index, call.ifname, result));
  await waitUntilOwn(container, ips, host);
  undo.keep();
  return result;
}

/**
 * DEL: releases the addresses and removes the link, if it is there and of that kind. `removerOf` chooses how: a link that
 * stands in the way of a next one as long as it lives must go at once.
 */
export async function delContainerLink(
  call: Call,
  host: Host,
  kind: LinkKind,
  removerOf: (link: Link) => LinkRemover,
): Promise<void> {
  try {
    // First, since a DHCP client says goodbye through the link.
    const type = ipamType(call);
    if (type !== undefined) await delIpam(call, type, host);
  } finally {
    removeContainerLink(call, host, kind, removerOf);
  }
}

/** CHECK: addresses still reserved, link as ADD left it, then what the plugin itself looks at. @throws CniError */
export async function checkContainerLink(
  call: Call,
  host: Host,
  kind: LinkKind,
  look: (link: Link, inside: Inside) => void,
): Promise<void> {
  const type = ipamType(call);
  if (type !== undefined) await checkIpam(call, type, host);
  using netns = openNetns(call);
  using container = host.routeIn(netns);
  const { inside } = checkAttachment(call, container, kind);
  look(inside, { netns, container });
}

/** GC: links end with their namespaces, so only the IPAM plugin has something to collect. */
export async function gcContainerLinks(call: Call, host: Host): Promise<void> {
  const type = ipamType(call);
  if (type !== undefined) await gcIpam(call, type, host);
}

export async function statusContainerLinks(call: Call, host: Host): Promise<void> {
  const type = ipamType(call);
  if (type !== undefined) await statusIpam(call, type, host);
}

const withDns = object({ dns: optional(cniDns) });

/** The configuration's `dns` if it has any field, else what the IPAM plugin said. */
export function chooseDns(call: Call, fromIpam: Dns): Dns {
  const { dns = {} } = decode(withDns, call.config, call.type);
  return Object.keys(dns).length > 0 ? dns : fromIpam;
}

function makeLink(call: Call, inside: Inside, maker: LinkMaker, undo: Rollback): Link {
  const { container } = inside;
  const name = maker.make(inside);
  const link = findLink(container, name);
  if (link === undefined) throw new Error(`Interface ${name} vanished from "${call.netns}" right after it was made`);
  undo.defer(`remove ${name}`, () => container.apply([removeLink(link.index, name)]));
  if (name !== call.ifname) container.apply([setLink(link.index, { name: call.ifname }, name)]);
  return maker.prepare?.(link, inside) ?? link;
}

async function addresses(
  call: Call,
  host: Host,
  maker: LinkMaker,
  undo: Rollback,
): Promise<Omit<Result, "interfaces">> {
  const type = ipamType(call);
  if (type === undefined) return { ...emptyResult, ...maker.chained };
  const result = await addIpam(call, type, host);
  undo.defer("release the addresses", () => delIpam(call, type, host));
  return result;
}

function removeContainerLink(call: Call, host: Host, kind: LinkKind, removerOf: (link: Link) => LinkRemover): void {
  using netns = openNetnsIfThere(call);
  if (netns === undefined) return;
  using container = host.routeIn(netns);
  const link = findLink(container, call.ifname);
  // After an ADD that failed for a taken name the interface is somebody else's.
  if (link?.info?.kind !== kind) return;
  try {
    removerOf(link).remove(link, { connection: container, netns }, { connection: host.route(), netns: host.netns });
  } catch (error) {
    if (!isErrno(error, "ENODEV")) throw error;
  }
}
