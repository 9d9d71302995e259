// What is of a node's ways to the others: only reads.

import type { Datapath } from "#datapath/datapath.ts";
import { addressOf, type Cidr, contains, lengthOf } from "#net/cidr.ts";
import { families, familyOf, type Ip } from "#net/ip.ts";
import type { Mac } from "#net/mac.ts";
import { type LinkAddress, listAddresses } from "#netlink/address.ts";
import type { Connection } from "#netlink/connection.ts";
import { findLink, type Link, listLinks } from "#netlink/link.ts";
import { listNeighbours } from "#netlink/neighbour.ts";
import { isPlainRoute, listRoutes, type Route, RouteTable } from "#netlink/route.ts";
import { fromEncap } from "#netlink/route-encap.ts";
import { overlayName, overlayPort, overlayPrograms, type Way } from "./want.ts";

/** The overlay's device as it is. */
export type OverlayLink = {
  readonly ifindex: number;
  readonly kind: string;
  readonly mac: Mac | undefined;
  readonly mtu: number;
  readonly up: boolean;
  /** What differs from how the agent makes it and cannot be changed in place, in words. */
  readonly alien: readonly string[];
  /** What the packet path lacks of it, in words. */
  readonly lacks: readonly string[];
  /** Without link-local ones, which are the kernel's. */
  readonly addresses: readonly Ip[];
};

/** A route of ours. */
export type HaveRoute = {
  readonly dst: Cidr;
  readonly ifindex: number;
  readonly gateway: Ip | undefined;
  readonly overlay: Ip | undefined;
  /** Whether it says nothing else. */
  readonly isPlain: boolean;
};

export type FabricHave = {
  readonly overlay: OverlayLink | undefined;
  readonly routes: readonly HaveRoute[];
  /** Routes of others to the destinations of ours, which the kernel asks before ours. */
  readonly detours: readonly Route[];
  /** Of the overlay's device. */
  readonly neighbours: ReadonlyMap<Ip, Mac | undefined>;
};

/** RT_SCOPE_LINK */
const linkScope = 253;

/** Reads the device, our routes and its neighbours. @throws KernelError */
export function readFabric(connection: Connection, datapath?: OverlayPath): FabricHave {
  const link = findLink(connection, overlayName);
  const routes = families.flatMap((family) => listRoutes(connection, family, { table: RouteTable.main }));
  const neighbours = link === undefined ? [] : listNeighbours(connection, link.index);
  return {
    overlay:
      link === undefined
        ? undefined
        : overlayLink(link, {
            addresses: listAddresses(connection, link.index),
            lacks: datapath === undefined ? [] : readLacks(connection, datapath, link),
          }),
    routes: routes.filter(isOurs).flatMap(toHave),
    detours: findDetours(routes),
    neighbours: new Map(
      neighbours.filter(({ state }) => state === "permanent").map(({ address, mac }) => [address, mac]),
    ),
  };
}

/** The packet path as the overlay needs it. */
export type OverlayPath = Pick<Datapath, "isAttached" | "settings">;

function readLacks(connection: Connection, datapath: OverlayPath, { index, mac }: Link): readonly string[] {
  const programs = overlayPrograms.filter((program) => !datapath.isAttached(connection, index, program));
  const { tunnelIfindex, tunnelMac, tunnelPort } = datapath.settings;
  const isKnown = tunnelIfindex === index && tunnelMac === mac && tunnelPort === overlayPort;
  return [...programs.map((program) => `program ${program} missing`), ...(isKnown ? [] : ["settings differ"])];
}

function isOurs({ protocol, gateway, type }: Route): boolean {
  return protocol === "twill" && gateway !== undefined && type === "unicast";
}

/** `routes` in the order in which the kernel asks them. */
function findDetours(routes: readonly Route[]): readonly Route[] {
  const waiting = new Set(routes.filter(isOurs).map(({ dst }) => dst));
  return routes.filter((route) => waiting.has(route.dst) && !(isOurs(route) && waiting.delete(route.dst)));
}

function readAlien(info: Link["info"]): readonly string[] {
  if (info?.kind !== "vxlan") return [];
  const { port, collectMetadata, learning } = info.data ?? {};
  return [
    ...(port === overlayPort ? [] : [`port ${port}`]),
    ...(collectMetadata === 1 ? [] : ["of one tunnel only"]),
    ...(learning === 1 ? ["learns"] : []),
  ];
}

type Beside = { readonly addresses: readonly LinkAddress[]; readonly lacks: readonly string[] };

function overlayLink({ index, mac, mtu, up, info }: Link, { addresses: all, lacks }: Beside): OverlayLink {
  const kind = info?.kind === "other" ? info.name : (info?.kind ?? "");
  // Kernels give the addresses of all links when they do not know of the filter.
  const own = all.filter((each) => each.index === index && each.scope !== linkScope);
  const alien = readAlien(info);
  return { ifindex: index, kind, mac, mtu, up, alien, lacks, addresses: own.map(({ address }) => addressOf(address)) };
}

function toHave(route: Route): readonly HaveRoute[] {
  const { dst, oif, gateway, encap, type } = route;
  // Routes to pods of this node have no gateway: they are the endpoints' own.
  if (oif === undefined || gateway === undefined || type !== "unicast") return [];
  return [
    {
      dst,
      ifindex: oif,
      gateway,
      overlay: encap === undefined ? undefined : fromEncap(encap)?.dst,
      isPlain: isPlainRoute(route),
    },
  ];
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
