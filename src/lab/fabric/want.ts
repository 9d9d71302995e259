// What a lab's network shall be: its stations, their wires, addresses and routes, from what is wanted of the lab.
//
//      node1   node2   node3     l3: each behind a router
//        │       │       │
//      ──┴───────┴───────┴──── br0, at the switch ──── control
//                               │       │
//                           internet  client

import { familiesOf, type LabSpec, type NodeSpec } from "#lab/spec.ts";
import { defaultCidr } from "#net/cidr.ts";
import type { Family } from "#net/ip.ts";
import { type Mac, mac } from "#net/mac.ts";
import {
  clientAddress,
  clientBlock,
  controlAddress,
  gatewayOf,
  inBlock,
  internetAddress,
  internetBlock,
  nodeBlock,
  nodePlace,
  switchAddress,
  underlay,
  uplinkAddress,
} from "./addresses.ts";
import { withNeighbours } from "./neighbours.ts";
import {
  eth0Index,
  loopbackIndex,
  nodeStation,
  type Port,
  type RouteWish,
  routerStation,
  type Setting,
  type Station,
  type WireWish,
} from "./station.ts";

const bridgeIndex = 2;
const controlPort = 3;
const internetPort = 4;
const clientPort = 5;
/** The switch's link to the internet. */
export const internetLink = "internet";
/** A node's port at the switch, less its number. */
const firstNodePort = 100;
/** A router's link to its node. */
const downlinkIndex = 3;

/** The switch's port towards a node, or towards its router. */
function nodePort(node: Pick<NodeSpec, "number">): Port {
  return port(`node${node.number}`, firstNodePort + node.number);
}

/** The switch's port towards a node or `control`; undefined for others, which are not on the lab's own link. */
export function portOf(spec: LabSpec, name: string): Port | undefined {
  if (name === "control") return port("control", controlPort);
  const node = spec.nodes.find((each) => each.name === name);
  return node === undefined ? undefined : nodePort(node);
}

/** In the order in which they can be made: a wire's near end comes before the station of its far end. */
export function wantFabric(spec: LabSpec): readonly Station[] {
  const families = familiesOf(spec.family);
  const nodes = spec.nodes.filter(({ running }) => running);
  return withNeighbours([
    switchStation(spec, nodes, families),
    ...(spec.underlay === "l3" ? nodes.map((node) => router(node, families)) : []),
    ...nodes.map((node) => nodeOf(spec, node, families)),
    leaf("control", families, (family) => inBlock(controlAddress[family], underlay[family])),
    leaf("internet", families, (family) => inBlock(internetAddress[family], internetBlock[family])),
    leaf("client", families, (family) => inBlock(clientAddress[family], clientBlock[family])),
  ]);
}

function switchStation(spec: LabSpec, nodes: readonly NodeSpec[], families: readonly Family[]): Station {
  const below = nodes.map((node) => {
    const station = spec.underlay === "l2" ? nodeStation(node.name) : routerStation(node.name);
    return wire(nodePort(node), station, bridgeIndex);
  });
  const wires = [
    wire(port("control", controlPort), "control", bridgeIndex),
    wire(port(internetLink, internetPort), "internet"),
    wire(port("client", clientPort), "client"),
    ...below,
  ];
  return {
    path: "switch",
    settings: [
      ...routing(families),
      // Frames between ports are the bridge's affair: the switch's rules for addresses are for what it routes.
      { path: "net/bridge/bridge-nf-call-iptables", value: "0", optional: true },
      { path: "net/bridge/bridge-nf-call-ip6tables", value: "0", optional: true },
      // A node that sends to another one's pods comes back out of the same link: no reason to teach it a shorter way.
      { path: "net/ipv4/conf/all/send_redirects", value: "0" },
      { path: "net/ipv4/conf/default/send_redirects", value: "0" },
    ],
    links: [{ kind: "bridge", ...port("br0", bridgeIndex) }, ...wires],
    up: [loopbackIndex, bridgeIndex, ...wires.map(({ index }) => index)],
    addresses: families.flatMap((family) => [
      { index: bridgeIndex, address: inBlock(switchAddress[family], underlay[family]) },
      { index: internetPort, address: inBlock(gatewayOf(internetBlock[family]), internetBlock[family]) },
      { index: clientPort, address: inBlock(gatewayOf(clientBlock[family]), clientBlock[family]) },
    ]),
    routes:
      spec.underlay === "l2"
        ? []
        : nodes.flatMap((node) =>
            families.map((family) => ({ dst: nodeBlock(node, family), gateway: uplinkAddress(node, family) })),
          ),
    neighbours: [],
  };
}

function router(node: NodeSpec, families: readonly Family[]): Station {
  return {
    path: routerStation(node.name),
    settings: routing(families),
    links: [wire(port("node", downlinkIndex), nodeStation(node.name))],
    up: [loopbackIndex, eth0Index, downlinkIndex],
    addresses: families.flatMap((family) => [
      { index: eth0Index, address: inBlock(uplinkAddress(node, family), underlay[family]) },
      { index: downlinkIndex, address: inBlock(gatewayOf(nodeBlock(node, family)), nodeBlock(node, family)) },
    ]),
    routes: families.map((family) => ({ dst: defaultCidr(family), gateway: switchAddress[family] })),
    neighbours: [],
  };
}

function nodeOf(spec: LabSpec, node: NodeSpec, families: readonly Family[]): Station {
  const places = families.map((family) => nodePlace(spec.underlay, node, family));
  return {
    ...leafOf(nodeStation(node.name)),
    // As on a real node, where the kubelet or the network's own installation sees to it.
    settings: routing(families),
    addresses: places.map(({ address }) => ({ index: eth0Index, address })),
    routes: places.map(({ gateway }, i) => ({ dst: defaultCidr(families[i] ?? "ipv4"), gateway })),
  };
}

/** A station with one link, and everything else behind the first address of its block. */
function leaf(
  path: "control" | "internet" | "client",
  families: readonly Family[],
  addressOn: (family: Family) => ReturnType<typeof inBlock>,
): Station {
  const routes: RouteWish[] = families.map((family) => ({
    dst: defaultCidr(family),
    gateway: { control: switchAddress, internet: gateways(internetBlock), client: gateways(clientBlock) }[path][family],
  }));
  return {
    ...leafOf(path),
    settings: withoutWaiting(families),
    addresses: families.map((family) => ({ index: eth0Index, address: addressOn(family) })),
    routes,
  };
}

function gateways(blocks: typeof internetBlock): typeof switchAddress {
  return { ipv4: gatewayOf(blocks.ipv4), ipv6: gatewayOf(blocks.ipv6) };
}

function leafOf(path: string): Station {
  return { path, settings: [], links: [], up: [loopbackIndex, eth0Index], addresses: [], routes: [], neighbours: [] };
}

function wire(near: Port, station: string, master?: number): WireWish {
  const far = { station, name: "eth0", index: eth0Index, mac: macOf(1, near.index) };
  return { kind: "wire", ...near, ...(master === undefined ? {} : { master }), far };
}

function port(name: string, index: number): Port {
  return { name, index, mac: macOf(0, index) };
}

/**
 * The same at every start: neighbours that know a node's address from before find it at once when it is back. The third byte tells
 * the ends of a wire apart, the last two are the near end's number.
 */
function macOf(end: 0 | 1, index: number): Mac {
  const hex = index.toString(16).padStart(4, "0");
  return mac(`02:74:0${end}:00:${hex.slice(0, 2)}:${hex.slice(2)}`);
}

function routing(families: readonly Family[]): readonly Setting[] {
  const forwarding = families.map((family) =>
    family === "ipv4"
      ? { path: "net/ipv4/ip_forward", value: "1" }
      : { path: "net/ipv6/conf/all/forwarding", value: "1" },
  );
  return [...forwarding, ...withoutWaiting(families)];
}

/** A link asks for its neighbours only with an address that duplicate address detection is done with: two seconds. */
function withoutWaiting(families: readonly Family[]): readonly Setting[] {
  return families.includes("ipv6") ? [{ path: "net/ipv6/conf/default/accept_dad", value: "0" }] : [];
}
