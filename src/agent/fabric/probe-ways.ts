// Ways through the overlay to other nodes' own addresses, for sockets that are bound to its device: everybody else goes past it.

import { hostCidr } from "#net/cidr.ts";
import { type Family, families, familyOf, type Ip } from "#net/ip.ts";
import type { Connection } from "#netlink/connection.ts";
import { listRoutes, type Route, removeRoute, replaceRoute } from "#netlink/route.ts";
import { fromEncap, toEncap } from "#netlink/route-encap.ts";
import { addRule, listRules, type Rule, removeRule } from "#netlink/rule.ts";
import { type FabricRoute, overlayId, overlayName } from "./want.ts";

/** A node that the overlay leads to, and what stands for it inside. */
export type ProbePeer = { readonly address: Ip; readonly gateway: Ip };

/** The table of these ways. */
const probeTable = 8473;
/** Ahead of the main table, which has other ways to nodes. */
const priority = 8473;

/** Nodes with a block of the family of their own address: another family's next hop cannot lead there. */
export function probePeers(routes: readonly FabricRoute[]): readonly ProbePeer[] {
  const peers = new Map<Ip, ProbePeer>();
  for (const route of routes) {
    if (!("overlay" in route) || familyOf(route.gateway) !== familyOf(route.overlay)) continue;
    if (!peers.has(route.overlay)) peers.set(route.overlay, { address: route.overlay, gateway: route.gateway });
  }
  return [...peers.values()];
}

/** Makes what is missing and takes away what is too many. @throws KernelError */
export function ensureProbeWays(connection: Connection, ifindex: number, peers: readonly ProbePeer[]): void {
  for (const family of families) {
    const own = peers.filter(({ address }) => familyOf(address) === family);
    const rules = listRules(connection, family).filter(isOurs);
    const have = listRoutes(connection, family, { table: probeTable }).filter(({ table }) => table === probeTable);
    const wanted = new Map(own.map((peer) => [hostCidr(peer.address), peer]));
    connection.apply([
      ...(own.length > 0 && rules.length === 0 ? [addRule(ruleOf(family))] : []),
      ...own.filter((peer) => !have.some((route) => leads(route, peer, ifindex))).map((peer) => wayTo(peer, ifindex)),
      ...have.filter(({ dst }) => !wanted.has(dst)).map(({ dst, oif }) => removeRoute({ dst, oif, table: probeTable })),
      ...(own.length === 0 && rules.length > 0 ? [removeRule(ruleOf(family))] : []),
    ]);
  }
}

function ruleOf(family: Family): Rule {
  return { family, oif: overlayName, priority, table: probeTable, action: "table" };
}

function isOurs({ oif, table, priority: its }: Rule): boolean {
  return oif === overlayName && table === probeTable && its === priority;
}

function wayTo({ address, gateway }: ProbePeer, ifindex: number) {
  const encap = toEncap({ id: overlayId, dst: address });
  const base = { dst: hostCidr(address), oif: ifindex, gateway, onLink: true, protocol: "twill" } as const;
  return replaceRoute({ ...base, table: probeTable, encap });
}

function leads({ dst, oif, gateway, encap }: Route, peer: ProbePeer, ifindex: number): boolean {
  const tunnel = encap === undefined ? undefined : fromEncap(encap)?.dst;
  return dst === hostCidr(peer.address) && oif === ifindex && gateway === peer.gateway && tunnel === peer.address;
}
