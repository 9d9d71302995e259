// Verdicts over each address family that two ends share.

import { type Family, familyOf } from "#net/ip.ts";
import { type ConnectionVerdict, evaluate, type Verdict } from "./evaluate.ts";
import type { Traffic } from "./match.ts";
import type { Party } from "./party.ts";
import { formatOrigin, type Policy } from "./rule.ts";

export type Judgement = {
  /** Undefined when it holds for all that both ends have. */
  readonly family: Family | undefined;
  readonly verdict: ConnectionVerdict;
};

/**
 * What the policies say of a connection: one judgement, or one for each family when they differ. None when the ends have
 * addresses, and no family in common.
 */
export function judge(policies: readonly Policy[], from: Party, to: Party, traffic: Traffic): readonly Judgement[] {
  if (from.addresses.length === 0 || to.addresses.length === 0)
    return [{ family: undefined, verdict: evaluate(policies, from, to, traffic) }];
  const families = (["ipv4", "ipv6"] as const).filter((family) => has(from, family) && has(to, family));
  const judgements = families.map((family) => ({
    family,
    verdict: evaluate(policies, within(from, family), within(to, family), traffic),
  }));
  const decisions = new Set(judgements.map(({ verdict }) => decisionOf(verdict)));
  return decisions.size > 1 ? judgements : judgements.slice(0, 1).map((each) => ({ ...each, family: undefined }));
}

function has({ addresses }: Party, family: Family): boolean {
  return addresses.some((address) => familyOf(address) === family);
}

function within<P extends Party>(party: P, family: Family): P {
  return { ...party, addresses: party.addresses.filter((address) => familyOf(address) === family) };
}

/** The same text for verdicts that the same rules decide, whoever the ends are. */
export function decisionOf({ allowed, exempt, egress, ingress }: ConnectionVerdict): string {
  return JSON.stringify([allowed, exempt, ...[egress, ingress].map((end) => (end === undefined ? null : endOf(end)))]);
}

function endOf({ allowed, decidedBy, isolatedBy }: Verdict) {
  return [
    allowed,
    decidedBy === undefined ? null : formatOrigin(decidedBy.rule.origin),
    isolatedBy.map(({ origin }) => formatOrigin(origin)),
  ];
}
