// Routes to pods' addresses: which are as the agent makes them, and which others take packets ahead of those.

import { addressesOf, type Endpoint } from "#agent/state/endpoint.ts";
import { addressOf, type Cidr, hostCidr } from "#net/cidr.ts";
import { families, type Ip } from "#net/ip.ts";
import type { Connection } from "#netlink/connection.ts";
import { isPlainRoute, listRoutes, type Route, RouteTable } from "#netlink/route.ts";

export type Detour = { readonly endpoint: Endpoint; readonly route: Route };

/** Whether it is the agent's route to an address of the endpoint, from whatever source. */
export function isOwnRoute(endpoint: Endpoint, route: Route): boolean {
  return (
    leadsTo(endpoint, route.dst) &&
    isPlainRoute(route) &&
    !route.encap &&
    route.oif === endpoint.ifindex &&
    !route.gateway
  );
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
  for (const family of families) {
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
