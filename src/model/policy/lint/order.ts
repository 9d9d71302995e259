// Traps in the order of policies: rules that are never asked, and policies of which nobody knows which is first.

import { choosesPod } from "#model/policy/match.ts";
import {
  byPrecedence,
  formatOrigin,
  networkTier,
  type Peer,
  type Policy,
  type PortMatch,
  type Rule,
} from "#model/policy/rule.ts";
import type { World } from "#model/policy/world.ts";
import type { Warning } from "./warning.ts";

/** About all policies of a world together. */
export function lintOrder(world: World): readonly Warning[] {
  const ordered = world.policies.filter(({ tier }) => tier !== networkTier).toSorted(byPrecedence);
  return ordered.flatMap((policy, index) => {
    const earlier = ordered.slice(0, index).filter(({ tier }) => tier === policy.tier);
    return [...lintTies(policy, earlier, world), ...lintNeverAsked(policy, earlier)];
  });
}

function lintTies(policy: Policy, earlier: readonly Policy[], { pods }: World): readonly Warning[] {
  const twin = earlier.find(
    (other) =>
      other.order === policy.order &&
      other.rules.some(({ direction }) => policy.rules.some((rule) => rule.direction === direction)) &&
      pods.some((pod) => choosesPod(policy.subject, pod) === undefined && choosesPod(other.subject, pod) === undefined),
  );
  if (twin === undefined) return [];
  const origin = { ...policy.origin, path: "spec.priority" };
  const message = `${formatOrigin(twin.origin)} has priority ${policy.order} as well and is about the same pods: which is asked first is not defined`;
  return [{ rule: "same-priority", origin, message }];
}

/** Rules behind one that already decides all that they are about. */
function lintNeverAsked(policy: Policy, earlier: readonly Policy[]): readonly Warning[] {
  const subject = JSON.stringify(policy.subject);
  const before = earlier.filter((other) => JSON.stringify(other.subject) === subject).flatMap(({ rules }) => rules);
  return policy.rules.flatMap((rule, index) => {
    const first = [...before, ...policy.rules.slice(0, index)].find((other) => covers(other, rule));
    if (first === undefined) return [];
    const effect = first.action === rule.action ? "says the same" : `says ${first.action}`;
    const message = `it is never asked: ${formatOrigin(first.origin)} comes first, is about the same, and ${effect}`;
    return [{ rule: "never-asked", origin: rule.origin, message }];
  });
}

function covers(first: Rule, rule: Rule): boolean {
  if (first.direction !== rule.direction) return false;
  return coversList(first.peers, rule.peers, peerText) && coversList(first.ports, rule.ports, portText);
}

/** Whether everything of the second list is in the first; a list that is not there has all. */
function coversList<T>(
  first: readonly T[] | undefined,
  second: readonly T[] | undefined,
  text: (item: T) => string,
): boolean {
  if (first === undefined) return true;
  const known = new Set(first.map(text));
  return second?.every((item) => known.has(text(item))) ?? false;
}

function peerText(peer: Peer): string {
  return JSON.stringify({ ...peer, origin: undefined });
}

function portText(port: PortMatch): string {
  return JSON.stringify({ ...port, origin: undefined });
}
