// The packet path for tests of single packets: loaded once a file, with small maps that are emptied for each test.

import type { Datapath } from "#datapath/datapath.ts";

/** To make maps as large as a node's takes most of a short test's time. */
export const smallMaps: Readonly<Record<string, number>> = {
  ...{ connections: 4096, translations: 4096, fragments: 512, denials: 512, affinities: 512 },
  ...{ slots: 1024, backends: 1024, frontends: 1024, maglev: 1024, source_ranges: 256, socket_answers: 1024 },
  ...{ identities: 1024, blocks: 1024, policy_sets: 256, list_choices: 1024, lists: 1024 },
};

type Emptied = { entries(): Iterable<readonly [unknown, unknown]>; delete(key: never): boolean };

/** Forgets policies, services and connections. */
export function emptyMaps({ policy, services, connections }: Datapath): void {
  for (const map of [policy, services, connections].flatMap((group): Emptied[] => Object.values(group))) {
    for (const [key] of [...map.entries()]) map.delete(key as never);
  }
}
