// What an agent remembers of the checksums in the overlay over its restarts.

import type { StateStore } from "#agent/state/store.ts";

/** Whether devices of this node were once found to make checksums in the overlay wrong. */
export type OffloadMemory = { readonly isBroken: () => boolean; readonly setBroken: () => void };

/** In the agent's state file. */
export function storedOffload(store: StateStore): OffloadMemory {
  let isBroken = store.fact("tunnelChecksums") === "kernel";
  return {
    isBroken: () => isBroken,
    setBroken: () => {
      isBroken = true;
      store.setFact("tunnelChecksums", "kernel");
    },
  };
}
