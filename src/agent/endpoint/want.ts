// What the kernel should have of an endpoint.

import { addressesOf, type Endpoint, endpointGroup } from "#agent/state/endpoint.ts";
import type { Blocks } from "#datapath/places.ts";
import { defaultCidr, hostCidr, hostIfAddr } from "#net/cidr.ts";
import { type Family, familyOf, type Ip, ip } from "#net/ip.ts";
import type { Tbf } from "#netlink/qdisc.ts";
import type { Part, Side } from "./part.ts";
import type { Sources } from "./sources.ts";

/** Whom pods send to. No device has these addresses: a permanent neighbour entry of the pod leads to the node's end. */
export const gateways: { readonly [F in Family]: Ip } = { ipv4: ip("169.254.1.1"), ipv6: ip("fe80::1") };

const loopback = 1;

export type WiringOptions = {
  /** Where the packet path's programs are; undefined: they are not used. */
  readonly blocks: Blocks | undefined;
  readonly sources: Sources;
};

/** The pair first, then the node's side, then the pod's. */
export function wantWiring(endpoint: Endpoint, { blocks, sources }: WiringOptions): readonly Part[] {
  const { ifindex, hostName, ifname, hostMac, mac, mtu, shaping } = endpoint;
  const addresses = addressesOf(endpoint);
  const node = addresses.flatMap((address): readonly Part[] => [
    wantNodeRoute(ifindex, address, sources),
    { part: "neighbour", side: "node", ifindex, address, mac },
  ]);
  const pod = addresses.flatMap((address): readonly Part[] => wantPodRoutes(ifindex, familyOf(address), hostMac));
  return [
    { part: "pair", hostName, ifname, ifindex, hostMac, mac, mtu },
    // Before it is up: the kernel stops a link that carries packets to give it a qdisc, and waits until nobody looks at it any more.
    ...(blocks === undefined ? [] : [{ part: "blocks", ifindex, ...blocks } as const]),
    { part: "end", ifindex, name: hostName, mac: hostMac, group: endpointGroup },
    { part: "mtu", side: "node", ifindex, mtu },
    { part: "alone", side: "node", ifindex },
    { part: "up", side: "node", ifindex },
    ...wantShaping("node", ifindex, shaping?.ingress),
    ...node,
    { part: "mtu", side: "pod", ifindex, mtu },
    { part: "up", side: "pod", ifindex: loopback },
    ...addresses.map((address) => ({ part: "address", ifindex, address: hostIfAddr(address) }) as const),
    { part: "up", side: "pod", ifindex },
    // Without programs nobody else would limit it.
    ...wantShaping("pod", ifindex, shaping?.egress ?? (blocks === undefined ? shaping?.paced : undefined)),
    ...pod,
  ];
}

/** Each direction waits where it enters the pair; the pod's own sockets feel its bucket, so that nothing is lost for it. */
function wantShaping(side: Side, ifindex: number, bucket: Tbf | undefined): readonly Part[] {
  return bucket === undefined ? [] : [{ part: "shaping", side, ifindex, bucket }];
}

function wantNodeRoute(ifindex: number, address: Ip, sources: Sources): Part {
  const source = sources[familyOf(address)];
  const from = source === undefined ? {} : { source };
  return { part: "route", side: "node", ifindex, dst: hostCidr(address), ...from };
}

function wantPodRoutes(ifindex: number, family: Family, hostMac: Endpoint["hostMac"]): readonly Part[] {
  const gateway = gateways[family];
  return [
    { part: "neighbour", side: "pod", ifindex, address: gateway, mac: hostMac },
    { part: "route", side: "pod", ifindex, dst: hostCidr(gateway) },
    { part: "route", side: "pod", ifindex, dst: defaultCidr(family), gateway },
  ];
}
