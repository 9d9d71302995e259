// What policies say of one connection: the verdict of each end, and the rules that decided it or came close.

import { choosesPod, mismatchesOf, type Traffic } from "./match.ts";
import { isOnePod, type Party, type PodParty } from "./party.ts";
import { byPrecedence, type Direction, type Policy, type Rule, type Tier } from "./rule.ts";

/** A rule that was asked. */
export type Considered = {
  readonly policy: Policy;
  readonly rule: Rule;
  /** A sentence for each peer, or port, that did not match, with its place in the rule: `.from[0]: …`. Empty for a rule that did. */
  readonly mismatches: readonly string[];
};

export type Verdict = {
  readonly allowed: boolean;
  /** The rule that decided; undefined when none did: silence allows, or denies where a policy isolates the pod. */
  readonly decidedBy: Considered | undefined;
  /** Isolating policies of the tier that decided: they are why silence means no. */
  readonly isolatedBy: readonly Policy[];
  /** In the order in which they were asked; those that pass are among them. */
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

/**
 * "A Pod cannot block access to itself", and "traffic to and from the node where a Pod is running is always allowed"
 * (Kubernetes documentation, "Network Policies").
 */
function exemption(from: Party, to: Party): string | undefined {
  if (isOnePod(from, to)) return "a pod always reaches itself";
  if (from.party === "node" && to.party === "pod" && to.node === from.name) return "a node always reaches its own pods";
  if (from.party === "pod" && to.party === "node" && from.node === to.name) return "a pod always reaches its own node";
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
  const considered: Considered[] = [];
  for (const policiesOfTier of tiersOf(policies, subject)) {
    const isolatedBy = policiesOfTier.filter(({ isolates }) => isolates.includes(direction));
    const decidedBy = firstMatch(policiesOfTier, direction, other, destination, traffic, considered);
    if (decidedBy === undefined && isolatedBy.length > 0) return { allowed: false, decidedBy, isolatedBy, considered };
    if (decidedBy === undefined || decidedBy.rule.action === "pass") continue;
    return { allowed: decidedBy.rule.action === "allow", decidedBy, isolatedBy, considered };
  }
  return { ...open, considered };
}

/** The policies about a pod, in the order in which they are asked, a list for each tier. */
function tiersOf(policies: readonly Policy[], subject: PodParty): Iterable<readonly Policy[]> {
  const own = policies.filter((policy) => choosesPod(policy.subject, subject) === undefined).sort(byPrecedence);
  return Map.groupBy(own, ({ tier }): Tier["name"] => tier.name).values();
}

/** The first rule that matches; all that were asked are added to `considered`. */
function firstMatch(
  policies: readonly Policy[],
  direction: Direction,
  other: Party,
  destination: Party,
  traffic: Traffic,
  considered: Considered[],
): Considered | undefined {
  for (const policy of policies) {
    for (const rule of policy.rules.filter((each) => each.direction === direction)) {
      const asked = { policy, rule, mismatches: mismatchesOf(rule, other, destination, traffic) };
      considered.push(asked);
      if (asked.mismatches.length === 0) return asked;
    }
  }
  return undefined;
}
