// Rules of pods.

import type { Rules } from "#lab/apiserver/registry.ts";

export const podRules: Rules = {
  prepareCreate: (pod) => ({ ...pod, status: { phase: "Pending" } }),
};
