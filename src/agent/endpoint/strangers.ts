// Pods' links that nothing is written down about: the state file was lost. Their addresses are in use all the same.

import { endpointGroup } from "#agent/state/endpoint.ts";
import { addressOf } from "#net/cidr.ts";
import { families, type Ip } from "#net/ip.ts";
import type { Connection } from "#netlink/connection.ts";
import { type Link, listLinks } from "#netlink/link.ts";
import { listRoutes, RouteTable } from "#netlink/route.ts";

export type Stranger = { readonly link: Link; readonly addresses: readonly Ip[] };

/** The links of the endpoints' group whose number is not `known`, with the addresses that are routed to them. @throws KernelError */
export function readStrangers(node: Connection, known: ReadonlySet<number>): readonly Stranger[] {
  const links = listLinks(node).filter(({ group, index }) => group === endpointGroup && !known.has(index));
  if (links.length === 0) return [];
  const routes = families.flatMap((family) => listRoutes(node, family, { table: RouteTable.main }));
  return links.map((link) => ({
    link,
    addresses: routes
      .filter(({ oif, dst }) => oif === link.index && /\/(32|128)$/.test(dst))
      .map(({ dst }) => addressOf(dst)),
  }));
}
