// What is of a node's ways to the others: only reads.

import { addressOf, type Cidr, contains, lengthOf } from "#net/cidr.ts";
import { families, familyOf, type Ip } from "#net/ip.ts";
import type { Mac } from "#net/mac.ts";
import { type LinkAddress, listAddresses } from "#netlink/address.ts";
import type { Connection } from "#netlink/connection.ts";
import { findLink, type Link, listLinks } from "#netlink/link.ts";
import { listNeighbours } from "#netlink/neighbour.ts";
import { listRoutes, type Route, RouteTable } from "#netlink/route.ts";
import { fromEncap } from "#netlink/route-encap.ts";
import { overlayName, type Way } from "./want.ts";

/** The overlay's device as it is. */
export type OverlayLink = {
  readonly ifindex: number;
  readonly kind: string;
  readonly mac: Mac | undefined;
  readonly mtu: number;
  readonly up: boolean;
  /** Without link-local ones, which are the kernel's. */
  readonly addresses: readonly Ip[];
};

/** A route of ours. */
export type HaveRoute = {
  readonly dst: Cidr;
  readonly ifindex: number;
  readonly gateway: Ip | undefined;
  readonly overlay: Ip | undefined;
};

export type FabricHave = {
  readonly overlay: OverlayLink | undefined;
  readonly routes: readonly HaveRoute[];
  /** Of the overlay's device. */
  readonly neighbours: ReadonlyMap<Ip, Mac | undefined>;
};

/** RT_SCOPE_LINK */
const linkScope = 253;

/** Reads the device, our routes and its neighbours. @throws KernelError */
export function readFabric(connection: Connection): FabricHave {
  const link = findLink(connection, overlayName);
  const routes = families.flatMap((family) => listRoutes(connection, family, { table: RouteTable.main }));
  const neighbours = link === undefined ? [] : listNeighbours(connection, link.index);
  return {
    overlay: link === undefined ? undefined : overlayLink(link, listAddresses(connection, link.index)),
    routes: routes.filter(({ protocol }) => protocol === "twill").flatMap(toHave),
    neighbours: new Map(
      neighbours.filter(({ state }) => state === "permanent").map(({ address, mac }) => [address, mac]),
    ),
  };
}

function overlayLink({ index, mac, mtu, up, info }: Link, all: readonly LinkAddress[]): OverlayLink {
  const kind = info?.kind === "other" ? info.name : (info?.kind ?? "");
  // Kernels give the addresses of all links when they do not know of the filter.
  const own = all.filter((each) => each.index === index && each.scope !== linkScope);
  return { ifindex: index, kind, mac, mtu, up, addresses: own.map(({ address }) => addressOf(address)) };
}

function toHave({ dst, oif, gateway, encap, type }: Route): readonly HaveRoute[] {
  // Routes to pods of this node have no gateway: they are the endpoints' own.
  if (oif === undefined || gateway === undefined || type !== "unicast") return [];
  return [{ dst, ifindex: oif, gateway, overlay: encap === undefined ? undefined : fromEncap(encap)?.dst }];
}

/** The addresses of all links but the overlay's, which has the node's as well. @throws KernelError */
export function readOwnAddresses(connection: Connection): ReadonlySet<Ip> {
  const overlay = findLink(connection, overlayName)?.index;
  return new Set(
    listAddresses(connection)
      .filter(({ index }) => index !== overlay)
      .map(({ address }) => addressOf(address)),
  );
}

/** How the kernel reaches addresses, by the routes of its main table: those that are not ours. @throws KernelError */
export function readWays(connection: Connection): (address: Ip) => Way | undefined {
  const links = new Map(listLinks(connection).map((link) => [link.index, link]));
  const routes = families
    .flatMap((family) => listRoutes(connection, family, { table: RouteTable.main }))
    .filter(({ protocol, type, oif }) => protocol !== "twill" && type === "unicast" && oif !== undefined)
    .sort((a, b) => lengthOf(b.dst) - lengthOf(a.dst) || (a.priority ?? 0) - (b.priority ?? 0));
  return (address) => {
    const route = routes.find(
      ({ dst }) => dst.includes(":") === (familyOf(address) === "ipv6") && contains(dst, address),
    );
    const link = links.get(route?.oif ?? 0);
    if (route === undefined || link === undefined) return undefined;
    return { ifindex: link.index, onLink: route.gateway === undefined, mtu: route.mtu ?? link.mtu };
  };
}
