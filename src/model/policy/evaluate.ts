// What policies say of one connection: the verdict of each end, and the rules that decided it or came close.

import { type LabelSelector, matchesLabels, type Requirement } from "#kube/selector.ts";
import { contains, familyOfCidr } from "#net/cidr.ts";
import { familyOf } from "#net/ip.ts";
import type { Labels, Party, PodParty } from "./party.ts";
import type { Direction, Origin, Peer, PodChoice, Policy, PortMatch, Protocol, Rule, Tier } from "./rule.ts";

/** What is sent; `port` is the destination's, undefined for protocols without. */
export type Traffic = { readonly protocol: Protocol; readonly port: number | undefined };

/** Why a part of a rule does not match, in words; undefined when it does. */
export type Mismatch = string | undefined;

/** A rule that was asked. */
export type Considered = {
  readonly policy: Policy;
  readonly rule: Rule;
  /** A sentence for each peer, or for the ports, that did not match; empty for a rule that did. */
  readonly mismatches: readonly string[];
};

export type Verdict = {
  readonly allowed: boolean;
  /** The rule that decided; undefined when none did: the pod is not isolated, or nothing allows it. */
  readonly decidedBy: Considered | undefined;
  /** Isolating policies of tier `network`: they are why silence means no. */
  readonly isolatedBy: readonly Policy[];
  readonly considered: readonly Considered[];
};

export type ConnectionVerdict = {
  readonly allowed: boolean;
  /** Undefined for an end that no policy is about. */
  readonly egress: Verdict | undefined;
  readonly ingress: Verdict | undefined;
  /** Said when neither end's policies are asked. */
  readonly exempt: string | undefined;
};

const open: Verdict = { allowed: true, decidedBy: undefined, isolatedBy: [], considered: [] };

/** Both ends must allow a connection: the source's egress and the destination's ingress. */
export function evaluate(policies: readonly Policy[], from: Party, to: Party, traffic: Traffic): ConnectionVerdict {
  const exempt = exemption(from, to);
  if (exempt !== undefined) return { allowed: true, egress: undefined, ingress: undefined, exempt };
  const egress = from.party === "pod" ? verdictOf(policies, from, "egress", to, to, traffic) : undefined;
  const ingress = to.party === "pod" ? verdictOf(policies, to, "ingress", from, to, traffic) : undefined;
  return { allowed: (egress ?? open).allowed && (ingress ?? open).allowed, egress, ingress, exempt };
}

/** A pod reaches itself, and a node its own pods, whatever the policies say (Kubernetes documentation, "Network Policies"). */
function exemption(from: Party, to: Party): string | undefined {
  const same = from.party === "pod" && to.party === "pod" && from.namespace === to.namespace && from.name === to.name;
  if (same && from.several !== true) return "a pod always reaches itself";
  if (from.party === "node" && to.party === "pod" && to.node === from.name) return "a node always reaches its own pods";
  return undefined;
}

/** What the policies say of one end. `destination` is the end whose ports are meant. */
export function verdictOf(
  policies: readonly Policy[],
  subject: PodParty,
  direction: Direction,
  other: Party,
  destination: Party,
  traffic: Traffic,
): Verdict {
  const own = policies.filter((policy) => choosesPod(policy.subject, subject) === undefined);
  const considered: Considered[] = [];
  const ask = (tier: Tier) => {
    const ordered = own.filter((policy) => policy.tier === tier).sort((a, b) => a.order - b.order);
    for (const policy of ordered) {
      for (const rule of policy.rules.filter((each) => each.direction === direction)) {
        const asked = { policy, rule, mismatches: mismatchesOf(rule, other, destination, traffic) };
        considered.push(asked);
        if (asked.mismatches.length === 0) return asked;
      }
    }
    return undefined;
  };
  const isolatedBy = own.filter((policy) => policy.tier === "network" && policy.isolates.includes(direction));
  const decided = (decidedBy: Considered | undefined, allowed: boolean): Verdict => ({
    allowed,
    decidedBy,
    isolatedBy,
    considered,
  });

  const admin = ask("admin");
  if (admin !== undefined && admin.rule.action !== "pass") return decided(admin, admin.rule.action === "allow");
  if (isolatedBy.length > 0) {
    const allowing = ask("network");
    return decided(allowing, allowing !== undefined);
  }
  const baseline = ask("baseline");
  return decided(baseline, baseline === undefined || baseline.rule.action !== "deny");
}

/** Everything about a rule that does not match, each with its place in the rule: `from[0]: …`; none when the rule matches. */
function mismatchesOf(
  { peers, ports, origin }: Rule,
  other: Party,
  destination: Party,
  traffic: Traffic,
): readonly string[] {
  const placed = (place: Origin, mismatch: Mismatch): Mismatch =>
    mismatch === undefined ? undefined : `${place.path.slice(origin.path.length + 1)}: ${mismatch}`;
  const ofPeers = (peers ?? []).map((peer) => placed(peer.origin, peerMismatch(peer, other)));
  const ofPorts = (ports ?? []).map((port) => placed(port.origin, portMismatch(port, destination, traffic)));
  return [...unlessOneMatches(peers, ofPeers), ...unlessOneMatches(ports, ofPorts)];
}

function unlessOneMatches(list: readonly unknown[] | undefined, mismatches: readonly Mismatch[]): readonly string[] {
  if (list === undefined || mismatches.some((mismatch) => mismatch === undefined)) return [];
  return mismatches.length === 0 ? ["it names nothing"] : mismatches.flatMap((mismatch) => mismatch ?? []);
}

/** Why a peer is not the other end. */
export function peerMismatch(peer: Peer, other: Party): Mismatch {
  switch (peer.peer) {
    case "nothing":
      return peer.why;
    case "pods":
      return other.party === "pod" ? choosesPod(peer, other) : "the other end is no pod";
    case "nodes":
      return other.party === "node"
        ? labelMismatch(peer.labels, other.labels, `node ${other.name}`)
        : "the other end is no node";
    case "block": {
      const family = familyOfCidr(peer.block);
      const own = other.addresses.filter((address) => familyOf(address) === family);
      if (own.length === 0) return `${peer.block} is of another address family`;
      const inside = own.filter((address) => contains(peer.block, address));
      if (inside.length === 0) return `${own.join(", ")} is not in ${peer.block}`;
      const hole = peer.except.find((block) =>
        inside.every((address) => familyOfCidr(block) === family && contains(block, address)),
      );
      return hole === undefined ? undefined : `${inside.join(", ")} is in ${hole}, which is excepted`;
    }
  }
}

/** Why a choice of pods does not have this one; undefined when it does. */
export function choosesPod({ namespaces, pods }: PodChoice, pod: PodParty): Mismatch {
  if ("name" in namespaces) {
    if (namespaces.name !== pod.namespace) return `${pod.namespace}/${pod.name} is not in namespace ${namespaces.name}`;
  } else {
    const mismatch = labelMismatch(namespaces.labels, pod.namespaceLabels, `namespace ${pod.namespace}`);
    if (mismatch !== undefined) return mismatch;
  }
  return labelMismatch(pods, pod.labels, `${pod.namespace}/${pod.name}`);
}

function labelMismatch(selector: LabelSelector, labels: Labels, whose: string): Mismatch {
  const failed = selector.find((requirement) => !matchesLabels([requirement], labels));
  return failed === undefined ? undefined : requirementWords(failed, labels, whose);
}

/** `label tier=web is missing on shop/cart-7`, `label tier is db and not web on shop/db-1` */
function requirementWords({ key, operator, values }: Requirement, labels: Labels, whose: string): string {
  const value = labels[key];
  switch (operator) {
    case "In":
      if (value !== undefined) return `label ${key} is ${value} and not ${values.join(" or ")} on ${whose}`;
      return `label ${key}=${values.join("|")} is missing on ${whose}`;
    case "NotIn":
      return `label ${key} is ${value} on ${whose}`;
    case "Exists":
      return `label ${key} is missing on ${whose}`;
    case "DoesNotExist":
      return `label ${key} is there on ${whose}`;
  }
}

/** Why ports are not those of the traffic; a name means what the destination's containers declare. */
export function portMismatch(match: PortMatch, destination: Party, { protocol, port }: Traffic): Mismatch {
  if (match.match === "nothing") return match.why;
  if (match.protocol !== protocol) return `${protocol} is not ${match.protocol}`;
  if (match.match === "all") return undefined;
  if (match.match === "range") {
    const inside = port !== undefined && port >= match.from && port <= match.to;
    return inside
      ? undefined
      : `port ${port} is not ${match.from === match.to ? match.from : `${match.from} to ${match.to}`}`;
  }
  if (destination.party !== "pod") return `port ${match.name} is a name, which only pods have`;
  const named = destination.ports.filter((declared) => declared.name === match.name && declared.protocol === protocol);
  if (named.length === 0)
    return `no container of ${destination.namespace}/${destination.name} declares a port ${match.name} of ${protocol}`;
  if (named.some((declared) => declared.port === port)) return undefined;
  return `port ${port} is not ${match.name}, which is ${named.map((declared) => declared.port).join(" or ")}`;
}
