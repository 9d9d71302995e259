// How the policy commands are told what to look at.

import type { Flags } from "#cli/command.ts";

/** Flags of every command that looks at policies. */
export const sourceFlags = {
  manifests: {
    short: "m",
    value: "PATH",
    repeated: true,
    complete: "file",
    about: "files or folders to look at, in place of a cluster",
  },
  kubeconfig: { value: "FILE", complete: "file", env: "KUBECONFIG", about: "how to reach the cluster" },
} as const satisfies Flags;
