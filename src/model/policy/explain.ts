// Why a connection is allowed or not, in words.

import type { ConnectionVerdict, Considered, Verdict } from "./evaluate.ts";
import { formatProtocol, type Traffic } from "./match.ts";
import { formatParty, type Party } from "./party.ts";
import { formatOrigin } from "./rule.ts";

/** `shop/frontend-1 → shop/db-0 tcp/5432: denied`, and below it what each end's policies say. */
export function explain(from: Party, to: Party, traffic: Traffic, verdict: ConnectionVerdict): string {
  const word = verdict.allowed ? "allowed" : "denied";
  const lines = [`${formatParty(from)} → ${formatParty(to)} ${formatTraffic(traffic)}: ${word}`];
  if (verdict.exempt !== undefined) lines.push(`  ${verdict.exempt}`);
  if (verdict.egress !== undefined) lines.push("", ...explainEnd(`egress of ${formatParty(from)}`, verdict.egress));
  if (verdict.ingress !== undefined) lines.push("", ...explainEnd(`ingress of ${formatParty(to)}`, verdict.ingress));
  return `${lines.join("\n")}\n`;
}

/** `tcp/5432`, `icmp`, `icmp type 8`, `protocol 47` */
export function formatTraffic({ protocol, port, icmp }: Traffic): string {
  const name = formatProtocol(protocol);
  if (icmp !== undefined)
    return icmp.code === 0 ? `${name} type ${icmp.type}` : `${name} type ${icmp.type} code ${icmp.code}`;
  return port === undefined ? name : `${name}/${port}`;
}

function explainEnd(what: string, verdict: Verdict): readonly string[] {
  const { decidedBy, isolatedBy, considered } = verdict;
  if (decidedBy !== undefined) {
    const verb = verdict.allowed ? "allowed" : "denied";
    return [`${what}: ${verb} by ${formatOrigin(decidedBy.rule.origin)}`];
  }
  if (isolatedBy.length === 0) return [`${what}: allowed, no policy isolates it`];
  const policies = isolatedBy.map(({ origin }) => formatOrigin(origin)).join(", ");
  return [`${what}: denied, isolated by ${policies}`, ...nearest(considered).flatMap(explainRule)];
}

/** Rules that came closest first: with the fewest things that do not match. */
function nearest(considered: readonly Considered[]): readonly Considered[] {
  return considered.toSorted((a, b) => a.mismatches.length - b.mismatches.length);
}

function explainRule({ rule, mismatches }: Considered): readonly string[] {
  return mismatches.map((mismatch) => `  ${formatOrigin(rule.origin)}.${mismatch}`);
}
