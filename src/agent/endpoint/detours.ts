// Routes to pods' addresses: which are as the agent makes them, and which others take packets ahead of those.

import { addressesOf, type Endpoint } from "#agent/state/endpoint.ts";
import { addressOf, type Cidr, familyOfCidr, hostCidr } from "#net/cidr.ts";
import type { Family, Ip } from "#net/ip.ts";
import type { Connection } from "#netlink/connection.ts";
import { listRoutes, type Route, RouteTable } from "#netlink/route.ts";

export type Detour = { readonly endpoint: Endpoint; readonly route: Route };

/** What the kernel makes of a route without a metric (IP6_RT_PRIO_USER). */
const plainPriority: { readonly [F in Family]: number } = { ipv4: 0, ipv6: 1024 };

/** Whether a route says nothing but where packets go, to all of them, without changing them. */
export function isPlain({ dst, type, priority = 0, tos, mtu, advmss, encap, multipath }: Route): boolean {
  const isOne = type === "unicast" && multipath === undefined && encap === undefined;
  const hasLimits = mtu !== undefined || advmss !== undefined;
  return isOne && !hasLimits && tos === undefined && priority === plainPriority[familyOfCidr(dst)];
}

/** Whether it is the agent's route to an address of the endpoint, from whatever source. */
export function isOwnRoute(endpoint: Endpoint, route: Route): boolean {
  return leadsTo(endpoint, route.dst) && route.oif === endpoint.ifindex && !route.gateway && isPlain(route);
}

/** Whether it is for an address of the endpoint and no other. */
export function leadsTo(endpoint: Endpoint, dst: Cidr): boolean {
  return addressesOf(endpoint).some((address) => hostCidr(address) === dst);
}

/**
 * Routes of the main table to just a pod's address that the kernel asks before the pod's own: of the same metric, of a lower one, or for
 * packets of some type of service. @throws KernelError
 */
export function readDetours(node: Connection, ownerOf: (address: Ip) => Endpoint | undefined): readonly Detour[] {
  const detours: Detour[] = [];
  for (const family of ["ipv4", "ipv6"] as const) {
    // In the order in which the kernel asks them.
    const reached = new Set<Cidr>();
    for (const route of listRoutes(node, family, { table: RouteTable.main })) {
      const endpoint = ownerOf(addressOf(route.dst));
      if (endpoint === undefined || !leadsTo(endpoint, route.dst) || reached.has(route.dst)) continue;
      if (isOwnRoute(endpoint, route)) reached.add(route.dst);
      else detours.push({ endpoint, route });
    }
  }
  return detours;
}
