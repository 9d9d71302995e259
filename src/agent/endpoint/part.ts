// The parts that an endpoint's wiring is made of, on the node's side and in the pod.
//
//   node                                              pod
//   twXXXXXXXXXXX ════════════════════════════════ eth0 ADDR/32 (/128)
//     clsact: the shared blocks                       neighbour 169.254.1.1, fe80::1: the node's end, permanent
//     route ADDR/32, neighbour ADDR: the pod's end    default via 169.254.1.1, via fe80::1

import type { Cidr, IfAddr } from "#net/cidr.ts";
import type { Ip } from "#net/ip.ts";
import type { Mac } from "#net/mac.ts";
import { formatShape, type Tbf } from "#netlink/qdisc.ts";

export type Side = "node" | "pod";

/** One thing in the kernel that can be there or be missing. */
export type Part =
  | {
      readonly part: "pair";
      readonly hostName: string;
      readonly ifname: string;
      readonly ifindex: number;
      readonly hostMac: Mac;
      readonly mac: Mac;
      readonly mtu: number;
    }
  /** What the node's end is known by. */
  | { readonly part: "end"; readonly ifindex: number; readonly name: string; readonly mac: Mac; readonly group: number }
  | { readonly part: "blocks"; readonly ifindex: number; readonly ingress: number; readonly egress: number }
  | { readonly part: "mtu"; readonly side: Side; readonly ifindex: number; readonly mtu: number }
  | { readonly part: "up"; readonly side: Side; readonly ifindex: number }
  /** In no bridge, and of no other master that would take its packets. */
  | { readonly part: "alone"; readonly side: "node"; readonly ifindex: number }
  | { readonly part: "shaping"; readonly side: Side; readonly ifindex: number; readonly bucket: Tbf }
  | { readonly part: "address"; readonly ifindex: number; readonly address: IfAddr }
  | {
      readonly part: "neighbour";
      readonly side: Side;
      readonly ifindex: number;
      readonly address: Ip;
      readonly mac: Mac;
    }
  | {
      readonly part: "route";
      readonly side: Side;
      readonly ifindex: number;
      readonly dst: Cidr;
      readonly gateway?: Ip;
      /** Whom packets are from that the node itself sends this way. */
      readonly source?: Ip;
    };

/** Where a part is. The pair is made from the node's side. */
export function sideOf(part: Part): Side {
  if (part.part === "address") return "pod";
  return "side" in part ? part.side : "node";
}

/** `route 10.244.1.5/32 dev #1912602625`; also what tells parts apart. */
export function formatPart(part: Part): string {
  switch (part.part) {
    case "pair":
      return `link ${part.hostName} (${part.hostMac}) to ${part.ifname} (${part.mac})`;
    case "end":
      return `name ${part.name}, address ${part.mac} and group ${part.group} of the node's #${part.ifindex}`;
    case "blocks":
      return `shared blocks ${part.ingress} and ${part.egress} of #${part.ifindex}`;
    case "mtu":
      return `mtu ${part.mtu} of the ${part.side}'s #${part.ifindex}`;
    case "up":
      return `${part.side}'s #${part.ifindex} up`;
    case "alone":
      return `${part.side}'s #${part.ifindex} without a master`;
    case "shaping":
      return `${formatShape(part.bucket)} on the ${part.side}'s #${part.ifindex}`;
    case "address":
      return `address ${part.address} in the pod`;
    case "neighbour":
      return `neighbour ${part.address} lladdr ${part.mac} on the ${part.side}'s #${part.ifindex}`;
    case "route":
      return `${part.side}'s route ${part.dst}${word("via", part.gateway)} dev #${part.ifindex}${word("src", part.source)}`;
  }
}

function word(name: string, value: Ip | undefined): string {
  return value === undefined ? "" : ` ${name} ${value}`;
}
