// The end of a namespace: everything in it goes first.

import type { Entry } from "./census.ts";

/** What must be removed now of a namespace that is on its way out, and whether nothing is left. */
export function planNamespace(members: readonly Entry[]): {
  readonly removals: readonly Entry[];
  readonly empty: boolean;
} {
  const removable = members.filter(({ resource, terminating }) => !terminating && resource.verbs.includes("delete"));
  // What makes others goes before what it made, or it would make them again.
  const rank = ({ owners }: Entry) => owners.length;
  return { removals: [...removable].sort((a, b) => rank(a) - rank(b)), empty: members.length === 0 };
}
