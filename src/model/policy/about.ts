// Which policies are about a pod, looked for once where many connections of the same pods are asked about.

import { isChosen } from "./match.ts";
import type { Party } from "./party.ts";
import type { Policy } from "./rule.ts";

/** In the order of `policies`; none for who is no pod. Pods are known by their names. */
export type About = (party: Party) => readonly Policy[];

export function aboutOf(policies: readonly Policy[]): About {
  const known = new Map<string, readonly Policy[]>();
  return (party) => {
    if (party.party !== "pod") return [];
    const name = `${party.namespace}/${party.name}`;
    return known.getOrInsertComputed(name, () => policies.filter(({ subject }) => isChosen(subject, party)));
  };
}
