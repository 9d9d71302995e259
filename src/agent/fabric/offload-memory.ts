// What an agent remembers of the checksums in the overlay over its restarts.

import type { StateStore } from "#agent/state/store.ts";

/**
 * Who makes them. `kernel`: devices of this node were once found to make them wrong; `trying`: the kernel does, and it is being found
 * out whether that helps.
 */
export type Checksums = "devices" | "trying" | "kernel";

export type OffloadMemory = {
  readonly checksums: () => Checksums;
  readonly setChecksums: (checksums: Checksums) => void;
};

/** In the agent's state file. */
export function storedOffload(store: StateStore): OffloadMemory {
  let known = checksumsOf(store.fact("tunnelChecksums"));
  return {
    checksums: () => known,
    setChecksums(checksums) {
      store.setFact("tunnelChecksums", checksums);
      known = checksums;
    },
  };
}

function checksumsOf(fact: string | undefined): Checksums {
  return fact === "kernel" || fact === "trying" ? fact : "devices";
}
