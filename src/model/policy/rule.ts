// Policies of any origin in one form: whom they are about, and in order what their rules allow, deny or pass on.

import type { LabelSelector } from "#kube/selector.ts";
import type { Cidr } from "#net/cidr.ts";
import type { Family } from "#net/ip.ts";

export type Direction = "ingress" | "egress";

/**
 * Tiers are asked one after the other, the lowest order first. In a tier the first rule that matches decides, or passes to the
 * next tier; where none matches, a tier in which a policy isolates the pod denies, and any other leaves it to the next.
 * What no tier decides is allowed.
 */
export type Tier = { readonly name: string; readonly order: number };

/** ClusterNetworkPolicies that nothing overrules. There is room for other tiers between these three. */
export const adminTier: Tier = { name: "admin", order: 1_000 };
/** NetworkPolicies: a pod that one of them isolates may do what any of them allows. */
export const networkTier: Tier = { name: "network", order: 1_000_000 };
/** ClusterNetworkPolicies for pods that no NetworkPolicy isolates. */
export const baselineTier: Tier = { name: "baseline", order: 10_000_000 };

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
  /** Everything that is neither a pod nor a node of the cluster. */
  | { readonly peer: "world" }
  /** Something that cannot be understood: it matches nothing, and so closes what it was meant to open. */
  | { readonly peer: "nothing"; readonly why: string }
);

/** Any protocol beyond the named ones by its number (IANA, "Protocol Numbers"); `icmp` is that of either family. */
export type Protocol = "tcp" | "udp" | "sctp" | "icmp" | number;

/** Ports at the destination, or what a protocol has in their place. */
export type PortMatch = { readonly origin: Origin } & (
  | { readonly match: "all"; readonly protocol: Protocol }
  | { readonly match: "range"; readonly protocol: Protocol; readonly from: number; readonly to: number }
  /** As the destination's containers declare it: another number in each pod. Without a protocol that of the declaration. */
  | { readonly match: "name"; readonly protocol: Protocol | undefined; readonly name: string }
  /** Of one family, or of both; without a code every code of the type. */
  | {
      readonly match: "icmp";
      readonly family: Family | undefined;
      readonly type: number;
      readonly code: number | undefined;
    }
  | { readonly match: "nothing"; readonly why: string }
);

/** One rule. Without peers anybody, without ports any traffic at all: an empty list of either matches nothing. */
export type Rule = {
  readonly direction: Direction;
  readonly action: Action;
  readonly peers: readonly Peer[] | undefined;
  readonly ports: readonly PortMatch[] | undefined;
  readonly origin: Origin;
  /** What its author calls it; "" for most. */
  readonly title: string;
};

/** Something in a policy that cannot be as it is written. */
export type Fault = { readonly origin: Origin; readonly why: string };

/** Several may have one origin: an object that says what no single one of these can. */
export type Policy = {
  readonly origin: Origin;
  readonly tier: Tier;
  /** Within its tier: lower is asked first. */
  readonly order: number;
  readonly subject: PodChoice;
  /** Directions in which its tier denies to its pods what no rule of the tier matches. */
  readonly isolates: readonly Direction[];
  /** In the order in which they are asked. */
  readonly rules: readonly Rule[];
  /** What is wrong beside peers and ports that match nothing. */
  readonly faults: readonly Fault[];
};

/** The order in which policies are asked: by tier, order, and what the API leaves open by name. */
export function byPrecedence(a: Policy, b: Policy): number {
  return (
    a.tier.order - b.tier.order ||
    a.order - b.order ||
    compareText(a.origin.namespace, b.origin.namespace) ||
    compareText(a.origin.name, b.origin.name)
  );
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** `NetworkPolicy shop/db spec.ingress[0]` */
export function formatOrigin({ kind, namespace, name, path }: Origin): string {
  const object = namespace === "" ? name : `${namespace}/${name}`;
  return path === "" ? `${kind} ${object}` : `${kind} ${object} ${path}`;
}

/** Whether two places are in one object. */
export function inOneObject(a: Origin, b: Origin): boolean {
  return a.kind === b.kind && a.namespace === b.namespace && a.name === b.name;
}

/** Everything that is wrong in a policy, with its place and what comes of it. */
export function faultsOf({ faults, rules }: Policy): readonly Fault[] {
  const idle = ({ origin, why }: Fault): Fault => ({ origin, why: `${why}: this part matches nothing` });
  const inRules = rules.flatMap(({ peers = [], ports = [] }) => [
    ...peers.flatMap((peer) => (peer.peer === "nothing" ? [idle(peer)] : [])),
    ...ports.flatMap((port) => (port.match === "nothing" ? [idle(port)] : [])),
  ]);
  return [...faults, ...inRules];
}
