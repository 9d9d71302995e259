// VRF links of a container: found, made, joined and left without losing addresses and routes.

import { familyOfCidr } from "#net/cidr.ts";
import { families } from "#net/ip.ts";
import { addAddress, type LinkAddress, listAddresses } from "#netlink/address.ts";
import type { Connection } from "#netlink/connection.ts";
import { type Link, listLinks, setLink } from "#netlink/link.ts";
import { addRoute, listRoutes, type Route, RouteTable, removeRoute } from "#netlink/route.ts";
import { listRules } from "#netlink/rule.ts";

/** RT_SCOPE_UNIVERSE */
const universe = 0;

/** Table of a VRF link; undefined when it is none. */
export function tableOf(link: Link): number | undefined {
  return link.info?.kind === "vrf" ? link.info.data?.table : undefined;
}

/** The lowest number from 1 on that no VRF, rule or route names. */
export function findFreeTable(container: Connection): number {
  const used = new Set<number>(Object.values(RouteTable));
  const see = ({ table }: { readonly table?: number | undefined }) => table !== undefined && used.add(table);
  for (const link of listLinks(container)) see({ table: tableOf(link) });
  for (const family of families) {
    for (const rule of listRules(container, family)) see(rule);
    for (const route of listRoutes(container, family)) see(route);
  }
  return firstFree(used);
}

export function firstFree(used: ReadonlySet<number>): number {
  let table = 1;
  while (used.has(table)) table++;
  return table;
}

export function membersOf(container: Connection, vrf: Link): readonly Link[] {
  return listLinks(container).filter(({ master }) => master === vrf.index);
}

/**
 * Puts a link into a VRF (its ifindex and table), or out of it (0 and the main table). The kernel takes the link down and up
 * again for that, and forgets its global IPv6 addresses and its routes: they are put back, in the new table.
 * @throws KernelError; the other way about undoes it.
 */
export function moveLink(container: Connection, link: Link, master: number, from: number, to: number): void {
  const addresses = globalIpv6(container, link);
  const routes = routesOf(container, link, from);
  container.apply([setLink(link.index, { master }, link.name)]);
  const kept = new Set<string>(globalIpv6(container, link).map(({ address }) => address));
  const lost = addresses.filter(({ address }) => !kept.has(address));
  container.apply(lost.map(({ address }) => addAddress(link.index, address, { dev: link.name, noDad: true })));
  // The kernel makes routes to the subnets of all addresses, also those that somebody had replaced.
  const surplus = routesOf(container, link, to).filter(
    (made) => made.protocol === "kernel" && !routes.some((route) => route.dst === made.dst && isDirect(route)),
  );
  container.apply(surplus.map((route) => removeRoute(route)));
  // Gateways lie behind the routes that go to the link itself.
  const ordered = [...routes.filter(isDirect), ...routes.filter((route) => !isDirect(route))];
  container.apply(ordered.map((route) => addRoute({ ...route, table: to }, ["EEXIST"])));
  container.apply(routesOf(container, link, from).map((route) => removeRoute(route)));
}

function globalIpv6(container: Connection, link: Link): readonly LinkAddress[] {
  const all = listAddresses(container, link.index);
  return all.filter(({ address, scope }) => familyOfCidr(address) === "ipv6" && scope === universe);
}

/** Without local and broadcast ones, which follow the addresses, and the link-local subnet, which follows the link. */
function routesOf(container: Connection, { index }: Link, table: number): readonly Route[] {
  const isOurs = (route: Route) =>
    (route.table ?? RouteTable.main) === table &&
    route.type === "unicast" &&
    route.dst !== "fe80::/64" &&
    (route.multipath === undefined ? route.oif === index : route.multipath.every((hop) => hop.index === index));
  return families.flatMap((family) => listRoutes(container, family, { table })).filter(isOurs);
}

function isDirect(route: Route): boolean {
  return route.gateway === undefined && route.multipath === undefined;
}
