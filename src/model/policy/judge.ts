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

/** A connection, and what policies see of it where something on its way translates it. */
export type Way = {
  readonly from: Party;
  readonly to: Party;
  readonly traffic: Traffic;
  /** What the policies of `from` see in the place of `to`. */
  readonly asked?: { readonly party: Party; readonly traffic: Traffic } | undefined;
  /** Whom the policies of `to` see in the place of `from`. */
  readonly sees?: Party | undefined;
};

/**
 * What the policies say of a connection: one judgement, or one for each family when they differ. None when the ends have
 * addresses, and no family in common.
 */
export function judge(policies: readonly Policy[], way: Way): readonly Judgement[] {
  const { from, to } = way;
  if (from.addresses.length === 0 || to.addresses.length === 0)
    return [{ family: undefined, verdict: verdictOf(policies, way) }];
  const families = (["ipv4", "ipv6"] as const).filter((family) => has(from, family) && has(to, family));
  const judgements = families.map((family) => ({ family, verdict: verdictOf(policies, wayWithin(way, family)) }));
  const decisions = new Set(judgements.map(({ verdict }) => decisionOf(verdict)));
  return decisions.size > 1 ? judgements : judgements.slice(0, 1).map((each) => ({ ...each, family: undefined }));
}

function verdictOf(policies: readonly Policy[], { from, to, traffic, asked, sees }: Way): ConnectionVerdict {
  if (asked === undefined && sees === undefined) return evaluate(policies, from, to, traffic);
  const { egress } = evaluate(policies, from, asked?.party ?? to, asked?.traffic ?? traffic);
  const { ingress } = evaluate(policies, sees ?? from, to, traffic);
  return { allowed: egress?.allowed !== false && ingress?.allowed !== false, egress, ingress, exempt: undefined };
}

function wayWithin({ from, to, traffic, asked, sees }: Way, family: Family): Way {
  return {
    ...{ from: within(from, family), to: within(to, family), traffic },
    asked: asked && { ...asked, party: within(asked.party, family) },
    sees: sees && within(sees, family),
  };
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
