// What the kernel has of an endpoint, read anew.

import type { Endpoint } from "#agent/state/endpoint.ts";
import type { Blocks } from "#datapath/places.ts";
import { families } from "#net/ip.ts";
import { listAddresses } from "#netlink/address.ts";
import type { Connection } from "#netlink/connection.ts";
import { findLink, type Link } from "#netlink/link.ts";
import { listNeighbours } from "#netlink/neighbour.ts";
import { listQdiscs, type Qdisc, sameTbf, type Tbf } from "#netlink/qdisc.ts";
import { isPlainRoute, listRoutes, RouteTable } from "#netlink/route.ts";
import { Parent } from "#netlink/tc.ts";
import type { Part, Side } from "./part.ts";

const loopback = 1;

/** `node` and `pod` are connections to the kernel on both sides. Changes nothing. @throws KernelError */
export function readWiring(endpoint: Endpoint, node: Connection, pod: Connection): readonly Part[] {
  const outside = findLink(node, endpoint.ifindex);
  const inside = findLink(pod, endpoint.ifindex);
  return [
    ...readPair(endpoint, outside, inside),
    ...readEnd(outside),
    ...(outside === undefined ? [] : readSide("node", outside, node)),
    ...(outside?.master === 0 ? [{ part: "alone", side: "node", ifindex: outside.index } as const] : []),
    ...(outside === undefined ? [] : readBlocks(outside, node)),
    ...(outside === undefined ? [] : readShaping("node", outside, node, endpoint.shaping?.ingress)),
    ...readUp("pod", findLink(pod, loopback)),
    ...(inside === undefined ? [] : readSide("pod", inside, pod)),
    ...(inside === undefined ? [] : readAddresses(inside, pod)),
    ...(inside === undefined ? [] : readShaping("pod", inside, pod, endpoint.shaping?.egress)),
  ];
}

/** By its number it is the endpoint's, whatever the node's end is called by now. */
function readPair(
  { hostName, hostMac }: Endpoint,
  outside: Link | undefined,
  inside: Link | undefined,
): readonly Part[] {
  const isPair = outside?.parent === inside?.index && inside?.parent === outside?.index;
  if (outside === undefined || inside?.mac === undefined || !isPair) return [];
  const { index: ifindex, mtu } = outside;
  return [{ part: "pair", hostName, ifname: inside.name, ifindex, hostMac, mac: inside.mac, mtu }];
}

function readEnd(outside: Link | undefined): readonly Part[] {
  if (outside?.mac === undefined) return [];
  const { index: ifindex, name, mac, group } = outside;
  return [{ part: "end", ifindex, name, mac, group }];
}

function readSide(side: Side, link: Link, connection: Connection): readonly Part[] {
  const ifindex = link.index;
  const all = families.flatMap((family) => listRoutes(connection, family, { table: RouteTable.main, oif: ifindex }));
  // What a pod limits on its own ways is its own affair.
  const routes = side === "node" ? all.filter(isPlainRoute) : all;
  const neighbours = listNeighbours(connection, ifindex).filter(({ state }) => state === "permanent");
  return [
    { part: "mtu", side, ifindex, mtu: link.mtu },
    ...readUp(side, link),
    ...routes.map(({ dst, gateway, prefSrc }): Part => {
      const way = gateway === undefined ? {} : { gateway };
      const from = prefSrc === undefined ? {} : { source: prefSrc };
      return { part: "route", side, ifindex, dst, ...way, ...from };
    }),
    ...neighbours.flatMap(({ address, mac }): readonly Part[] =>
      mac === undefined ? [] : [{ part: "neighbour", side, ifindex, address, mac }],
    ),
  ];
}

function readUp(side: Side, link: Link | undefined): readonly Part[] {
  return link?.up === true ? [{ part: "up", side, ifindex: link.index }] : [];
}

function readBlocks({ index }: Link, node: Connection): readonly Part[] {
  return listQdiscs(node, index)
    .flatMap(blocksOf)
    .map((blocks) => ({ part: "blocks", ifindex: index, ...blocks }));
}

/** Endpoints whose links are there, and not in these blocks; a link that is gone tells so itself. @throws KernelError */
export function readOutOfBlocks(
  endpoints: readonly Endpoint[],
  { ingress, egress }: Blocks,
  node: Connection,
): readonly Endpoint[] {
  const isJoined = (blocks: Blocks) => blocks.ingress === ingress && blocks.egress === egress;
  const joined = new Set(listQdiscs(node).flatMap((qdisc) => (blocksOf(qdisc).some(isJoined) ? [qdisc.ifindex] : [])));
  const out = endpoints.filter(({ state, ifindex }) => state === "ready" && !joined.has(ifindex));
  return out.filter(({ ifindex }) => findLink(node, ifindex) !== undefined);
}

function blocksOf({ shape }: Qdisc): readonly Blocks[] {
  if (shape.kind !== "clsact" || shape.ingressBlock === undefined || shape.egressBlock === undefined) return [];
  return [{ ingress: shape.ingressBlock, egress: shape.egressBlock }];
}

/** The kernel rounds: what it has counts as `wanted` when that is what it was asked for. */
function readShaping(side: Side, { index }: Link, connection: Connection, wanted: Tbf | undefined): readonly Part[] {
  if (wanted === undefined) return [];
  const root = listQdiscs(connection, index).find(({ parent }) => parent === Parent.root)?.shape;
  const isWanted = root?.kind === "tbf" && sameTbf(wanted, root);
  return isWanted ? [{ part: "shaping", side, ifindex: index, bucket: wanted }] : [];
}

function readAddresses({ index }: Link, pod: Connection): readonly Part[] {
  return listAddresses(pod, index).map(({ address }) => ({ part: "address", ifindex: index, address }));
}
