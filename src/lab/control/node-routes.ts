// Routes to the nodes' blocks of pod addresses, at the switch and at the nodes' routers: what a cloud's route controller does.

import { Netns } from "#kernel/netns.ts";
import type { Node } from "#kube/kinds.ts";
import { nodePlace, uplinkAddress } from "#lab/fabric/addresses.ts";
import { type RouteWish, routerStation, type StationPath } from "#lab/fabric/station.ts";
import type { LabSpec } from "#lab/spec.ts";
import { holderOf } from "#lab/world/holders.ts";
import type { Places } from "#lab/world/places.ts";
import { addressOf, cidr, familyOfCidr } from "#net/cidr.ts";
import { families } from "#net/ip.ts";
import { Connection } from "#netlink/connection.ts";
import { listRoutes, type Route, RouteTable, removeRoute, replaceRoute } from "#netlink/route.ts";

/** Marks the routes of this controller; those of the network itself are "boot". */
const ours = "static";

/** The routes that each station shall have, from what the nodes were given. */
export function wantNodeRoutes(
  spec: LabSpec,
  nodes: Iterable<Pick<Node, "metadata" | "spec">>,
): ReadonlyMap<StationPath, readonly RouteWish[]> {
  const want = new Map<StationPath, RouteWish[]>([["switch", []]]);
  for (const { metadata, spec: given } of nodes) {
    const node = spec.nodes.find(({ name, running }) => name === metadata.name && running);
    if (node === undefined) continue;
    const blocks = (given?.podCIDRs ?? []).map(cidr);
    want.get("switch")?.push(...blocks.map((dst) => ({ dst, gateway: uplinkAddress(node, familyOfCidr(dst)) })));
    if (spec.underlay === "l2") continue;
    want.set(
      routerStation(node.name),
      blocks.map((dst) => ({ dst, gateway: addressOf(nodePlace("l3", node, familyOfCidr(dst)).address) })),
    );
  }
  return want;
}

export type RouteOperation = { readonly do: "replace" | "remove"; readonly at: StationPath; readonly route: RouteWish };

export function planNodeRoutes(
  at: StationPath,
  want: readonly RouteWish[],
  have: readonly Pick<Route, "dst" | "gateway" | "protocol">[],
): readonly RouteOperation[] {
  const own = have.filter(({ protocol }) => protocol === ours);
  const replaced = want
    .filter(({ dst, gateway }) => !own.some((route) => route.dst === dst && route.gateway === gateway))
    .map((route) => ({ do: "replace", at, route }) as const);
  const removed = own.flatMap(({ dst, gateway }) =>
    gateway === undefined || want.some((route) => route.dst === dst)
      ? []
      : [{ do: "remove", at, route: { dst, gateway } } as const],
  );
  return [...replaced, ...removed];
}

/** `switch: replace route 10.244.1.0/24 via 172.30.0.11` */
export function showRouteOperation({ do: verb, at, route }: RouteOperation): string {
  return `${at}: ${verb} route ${route.dst} via ${route.gateway}`;
}

/**
 * Makes the stations' routes as wanted and returns what was done. A station whose namespace is gone has none: it gets them when it is back.
 * @throws KernelError
 */
export function applyNodeRoutes(
  places: Pick<Places, "cgroup">,
  want: ReadonlyMap<StationPath, readonly RouteWish[]>,
): readonly RouteOperation[] {
  return [...want].flatMap(([station, routes]) => {
    // Opened anew each time: a station that was mended has another namespace.
    const holder = holderOf(places, station);
    if (holder === undefined) return [];
    using netns = new Netns(`/proc/${holder}/ns/net`);
    using connection = new Connection("route", netns);
    const have = families.flatMap((family) => listRoutes(connection, family, { table: RouteTable.main }));
    const plan = planNodeRoutes(station, routes, have);
    if (plan.length > 0) {
      connection.apply(
        plan.map(({ do: verb, route }) =>
          verb === "replace" ? replaceRoute({ ...route, protocol: ours }) : removeRoute({ ...route, protocol: ours }),
        ),
      );
    }
    return plan;
  });
}
