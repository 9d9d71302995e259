// Why a connection is allowed or not, in words.

import type { Family } from "#net/ip.ts";
import type { ConnectionVerdict, Considered, Verdict } from "./evaluate.ts";
import { formatProtocol, type Traffic } from "./match.ts";
import { formatParty, type Party } from "./party.ts";
import { formatOrigin, networkTier, type Rule } from "./rule.ts";

/** Beyond these many nobody reads on. */
const maxRules = 12;
const maxMismatches = 5;

/** `shop/frontend-1 → shop/db-0 tcp/5432: denied`, and below it what each end's policies say. */
export function explain(
  from: Party,
  to: Party,
  traffic: Traffic,
  verdict: ConnectionVerdict,
  family?: Family | undefined,
): string {
  const word = verdict.allowed ? "allowed" : "denied";
  const over = family === undefined ? "" : family === "ipv4" ? " over IPv4" : " over IPv6";
  const lines = [`${formatParty(from)} → ${formatParty(to)} ${formatTraffic(traffic)}${over}: ${word}`];
  if (verdict.exempt !== undefined) lines.push(`  ${verdict.exempt}`);
  if (verdict.egress !== undefined) lines.push("", ...explainEnd(`egress of ${formatParty(from)}`, verdict.egress));
  if (verdict.ingress !== undefined) lines.push("", ...explainEnd(`ingress of ${formatParty(to)}`, verdict.ingress));
  if (verdict.exempt === undefined && verdict.egress === undefined && verdict.ingress === undefined)
    lines.push("  neither end is a pod with a network of its own, so no policy is asked");
  return `${lines.join("\n")}\n`;
}

/** `tcp/5432`, `icmp`, `icmp type 8`, `protocol 47` */
export function formatTraffic({ protocol, port, icmp }: Traffic): string {
  const name = formatProtocol(protocol);
  if (icmp !== undefined)
    return icmp.code === 0 ? `${name} type ${icmp.type}` : `${name} type ${icmp.type} code ${icmp.code}`;
  return port === undefined ? name : `${name}/${port}`;
}

/** `NetworkPolicy shop/db spec.ingress[0]`, with the title that its author gave the rule. */
export function formatRule({ origin, title }: Rule): string {
  return title === "" ? formatOrigin(origin) : `${formatOrigin(origin)} "${title}"`;
}

function explainEnd(what: string, verdict: Verdict): readonly string[] {
  const { allowed, decidedBy, isolatedBy, considered } = verdict;
  const word = allowed ? "allowed" : "denied";
  const passed = considered
    .filter(({ rule, mismatches }) => rule.action === "pass" && mismatches.length === 0)
    .map(({ rule, policy }) => `  ${formatRule(rule)} passes it on from tier ${policy.tier.name}`);
  const missed = nearest(considered);
  if (decidedBy !== undefined) {
    const { tier } = decidedBy.policy;
    const { path } = decidedBy.rule.origin;
    const misread = decidedBy.policy.faults.filter(({ origin }) => origin.path.startsWith(`${path}.`));
    const why = allowed ? [] : misread.map((fault) => `  ${formatOrigin(fault.origin)}: ${fault.why}`);
    const place = tier === networkTier ? "" : `, tier ${tier.name}`;
    const line = `${what}: ${word} by ${formatRule(decidedBy.rule)}${place}`;
    // What would have allowed it is of interest only where it is not.
    return [
      line,
      ...why,
      ...passed,
      ...(allowed ? [] : explainRules(missed.filter(({ rule }) => rule.action !== "deny"))),
    ];
  }
  if (isolatedBy.length === 0) {
    const reason = considered.length === 0 ? "no policy isolates it" : "no rule matches";
    return [`${what}: allowed, ${reason}`, ...passed];
  }
  const policies = isolatedBy.map(({ origin }) => formatOrigin(origin)).join(", ");
  return [`${what}: denied, isolated by ${policies}`, ...passed, ...explainRules(missed)];
}

/** Rules that did not match, those that came closest first: with the fewest things that do not fit. */
function nearest(considered: readonly Considered[]): readonly Considered[] {
  return considered
    .filter(({ mismatches }) => mismatches.length > 0)
    .toSorted((a, b) => a.mismatches.length - b.mismatches.length);
}

function explainRules(rules: readonly Considered[]): readonly string[] {
  const more = rules.length - maxRules;
  return [
    ...rules.slice(0, maxRules).flatMap(explainRule),
    ...(more > 0 ? [`  and ${more} more rules, further away`] : []),
  ];
}

function explainRule({ rule, mismatches }: Considered): readonly string[] {
  const more = mismatches.length - maxMismatches;
  return [
    ...mismatches.slice(0, maxMismatches).map((mismatch) => `  ${formatOrigin(rule.origin)}${mismatch}`),
    ...(more > 0 ? [`  ${formatOrigin(rule.origin)}: and ${more} more that do not fit`] : []),
  ];
}
