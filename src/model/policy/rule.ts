// Policies of any origin in one form: whom they are about, and in order what their rules allow, deny or pass on.

import type { LabelSelector } from "#kube/selector.ts";
import type { Cidr } from "#net/cidr.ts";

export type Direction = "ingress" | "egress";

/**
 * Tiers are asked in this order. The first rule of `admin` or `baseline` that matches decides, or passes to the next tier;
 * `network` is the union of NetworkPolicies: a pod that one of them isolates may do what any of them allows.
 */
export type Tier = "admin" | "network" | "baseline";

export type Action = "allow" | "deny" | "pass";

/** Where in which object something stands: `NetworkPolicy shop/db-allow-backend spec.ingress[0].from[0]`. */
export type Origin = {
  readonly kind: string;
  /** "" for objects of the cluster. */
  readonly namespace: string;
  readonly name: string;
  /** "" for the object itself. */
  readonly path: string;
};

/** Namespaces by their labels, or by name. */
export type NamespaceChoice = { readonly labels: LabelSelector } | { readonly name: string };

/** Pods by their labels, in chosen namespaces. */
export type PodChoice = { readonly namespaces: NamespaceChoice; readonly pods: LabelSelector };

/** Whom a rule is about at the other end. */
export type Peer = { readonly origin: Origin } & (
  | ({ readonly peer: "pods" } & PodChoice)
  /** Addresses, also those of pods. What is excepted may be allowed by another peer. */
  | { readonly peer: "block"; readonly block: Cidr; readonly except: readonly Cidr[] }
  | { readonly peer: "nodes"; readonly labels: LabelSelector }
  /** Something that cannot be understood: it matches nothing, and so closes what it was meant to open. */
  | { readonly peer: "nothing"; readonly why: string }
);

export type Protocol = "tcp" | "udp" | "sctp" | "icmp";

/** Ports at the destination; without numbers and a name every port of the protocol. */
export type PortMatch = { readonly origin: Origin } & (
  | { readonly match: "all"; readonly protocol: Protocol }
  | { readonly match: "range"; readonly protocol: Protocol; readonly from: number; readonly to: number }
  /** As the destination's containers declare it: another number in each pod. */
  | { readonly match: "name"; readonly protocol: Protocol; readonly name: string }
  | { readonly match: "nothing"; readonly why: string }
);

/** One rule. Without peers anybody, without ports any traffic at all: an empty list of either matches nothing. */
export type Rule = {
  readonly direction: Direction;
  readonly action: Action;
  readonly peers: readonly Peer[] | undefined;
  readonly ports: readonly PortMatch[] | undefined;
  readonly origin: Origin;
};

export type Policy = {
  readonly origin: Origin;
  readonly tier: Tier;
  /** Within its tier: lower is asked first. */
  readonly order: number;
  readonly subject: PodChoice;
  /** Tier `network`: the directions in which its pods may do only what is allowed. */
  readonly isolates: readonly Direction[];
  readonly rules: readonly Rule[];
};

/** `NetworkPolicy shop/db spec.ingress[0]` */
export function formatOrigin({ kind, namespace, name, path }: Origin): string {
  const object = namespace === "" ? name : `${namespace}/${name}`;
  return path === "" ? `${kind} ${object}` : `${kind} ${object} ${path}`;
}

/** What is wrong in a policy, with the place: such parts match nothing. */
export function faultsOf(policy: Policy): readonly { readonly origin: Origin; readonly why: string }[] {
  return policy.rules.flatMap(({ peers = [], ports = [] }) => [
    ...peers.flatMap((peer) => (peer.peer === "nothing" ? [{ origin: peer.origin, why: peer.why }] : [])),
    ...ports.flatMap((port) => (port.match === "nothing" ? [{ origin: port.origin, why: port.why }] : [])),
  ]);
}
