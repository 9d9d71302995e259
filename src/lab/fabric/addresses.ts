// The lab's addresses. All are inside its own namespaces, so that several labs have the same ones.

import { familiesOf, type LabSpec, type NodeSpec, type Underlay } from "#lab/spec.ts";
import { addressOf, type Cidr, cidr, type IfAddr, joinIfAddr, lengthOf } from "#net/cidr.ts";
import { type Family, type Ip, ip, offsetIp } from "#net/ip.ts";

type Both<T> = { readonly [F in Family]: T };

/** The link at the switch: routers, the control plane, and for `l2` all nodes. */
export const underlay: Both<Cidr> = { ipv4: cidr("172.30.0.0/24"), ipv6: cidr("fd00:30::/64") };
export const switchAddress: Both<Ip> = { ipv4: ip("172.30.0.1"), ipv6: ip("fd00:30::1") };
export const controlAddress: Both<Ip> = { ipv4: ip("172.30.0.2"), ipv6: ip("fd00:30::2") };

/** Pods of the whole lab; a node has a /24 or /64 of it. */
export const podBlock: Both<Cidr> = { ipv4: cidr("10.244.0.0/16"), ipv6: cidr("fd00:10:244::/56") };
export const serviceBlock: Both<Cidr> = { ipv4: cidr("10.96.0.0/16"), ipv6: cidr("fd00:10:96::/112") };
export const dnsAddress: Both<Ip> = { ipv4: ip("10.96.0.10"), ipv6: ip("fd00:10:96::a") };
export const clusterDomain = "cluster.local";

// RFC 5737 and RFC 3849: blocks for documentation.
export const internetBlock: Both<Cidr> = { ipv4: cidr("203.0.113.0/24"), ipv6: cidr("2001:db8:113::/64") };
export const internetAddress: Both<Ip> = { ipv4: ip("203.0.113.10"), ipv6: ip("2001:db8:113::10") };
export const internetName = "www.example.com";
export const clientBlock: Both<Cidr> = { ipv4: cidr("198.51.100.0/24"), ipv6: cidr("2001:db8:100::/64") };
export const clientAddress: Both<Ip> = { ipv4: ip("198.51.100.10"), ipv6: ip("2001:db8:100::10") };

/** On the link of `l2`, past the last node: what services of type LoadBalancer are given. */
const balancerBlock: Both<Cidr> = { ipv4: cidr("172.30.0.224/28"), ipv6: cidr("fd00:30::e0/124") };

/** The first node's last number on the underlay, less one. */
const firstNode = 10;

/** An address in the length of its block, and the next hop out of it. */
export type Place = { readonly address: IfAddr; readonly gateway: Ip };

/** `address` as an interface of `block` has it. */
export function inBlock(address: Ip, block: Cidr): IfAddr {
  return joinIfAddr(address, lengthOf(block));
}

/** The first address of a block: its gateway's. */
export function gatewayOf(block: Cidr): Ip {
  return offsetIp(addressOf(block), 1);
}

/** What a node, or for `l3` its router, has on the switch's link: .11 and ::11 for the first. */
export function uplinkAddress(node: Pick<NodeSpec, "number">, family: Family): Ip {
  const last = firstNode + node.number;
  // Decimal digits read as hexadecimal ones: addresses of both families end alike.
  return ip(family === "ipv4" ? `172.30.0.${last}` : `fd00:30::${last}`);
}

/** The link between a node and its router, for `l3`. */
export function nodeBlock(node: Pick<NodeSpec, "number">, family: Family): Cidr {
  return cidr(family === "ipv4" ? `172.30.${firstNode + node.number}.0/24` : `fd00:30:${node.number}::/64`);
}

/** Where a node is on its own link. */
export function nodePlace(kind: Underlay, node: Pick<NodeSpec, "number">, family: Family): Place {
  if (kind === "l2") {
    return { address: inBlock(uplinkAddress(node, family), underlay[family]), gateway: switchAddress[family] };
  }
  const block = nodeBlock(node, family);
  const own = family === "ipv4" ? `172.30.${firstNode + node.number}.10` : `fd00:30:${node.number}::10`;
  return { address: inBlock(ip(own), block), gateway: gatewayOf(block) };
}

/** Blocks whose addresses services of type LoadBalancer are given: behind routers nobody would find who announces them. */
export function balancerBlocks({ underlay: kind, family, services }: LabSpec): readonly Cidr[] {
  return kind === "l2" && services === "agent" ? familiesOf(family).map((each) => balancerBlock[each]) : [];
}

/** A node's own addresses, the lab's first family first. */
export function nodeAddresses({ underlay: kind, family }: LabSpec, node: Pick<NodeSpec, "number">): readonly Ip[] {
  return familiesOf(family).map((each) => addressOf(nodePlace(kind, node, each).address));
}
