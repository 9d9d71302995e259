// The declarations of `twill policy` and `twill explain`.

import { type Group, type Leaf, leaf, outputFlag } from "./command.ts";
import { sourceFlags } from "./policy/source-flags.ts";

const fileFlag = {
  file: { short: "f", value: "FILE", repeated: true, complete: "file", about: "a file or folder; may be given again" },
} as const;

const end = "a pod or workload as [NAMESPACE/]NAME, node/NAME, or an address";

export const explainCommand: Leaf = leaf({
  summary: "says why a connection is allowed or not, without sending a packet",
  about:
    "Says what the network policies at both ends make of a connection: which rule allows it, or which came closest and why they do not. Exits with 1 when it is denied.",
  args: {
    from: { about: end },
    to: { about: `${end}, or svc/NAME; then :PORT and /tcp, /udp, /sctp or /icmp` },
  },
  flags: {
    ...sourceFlags,
    namespace: { short: "n", value: "NAMESPACE", default: "default", about: "of what names no namespace itself" },
    ...outputFlag,
  },
  load: async () => (await import("./policy/explain.ts")).runExplain,
});

export const policyCommand: Group = {
  summary: "looks at network policies: of a cluster, or of a folder of manifests",
  commands: {
    list: leaf({
      summary: "lists policies and how many pods they are about",
      flags: { ...sourceFlags, ...outputFlag },
      load: async () => (await import("./policy/lint.ts")).runList,
    }),
    lint: leaf({
      summary: "warns of traps that policies fall into",
      flags: { ...sourceFlags, ...outputFlag },
      load: async () => (await import("./policy/lint.ts")).runLint,
    }),
    matrix: leaf({
      summary: "shows who reaches whom, as the policies say",
      flags: { ...sourceFlags, ...outputFlag },
      load: async () => (await import("./policy/matrix.ts")).runMatrix,
    }),
    try: leaf({
      summary: "shows what applying a file would change",
      flags: { ...fileFlag, ...sourceFlags, ...outputFlag },
      load: async () => (await import("./policy/matrix.ts")).runTry,
    }),
    assert: leaf({
      summary: "checks expectations, for pipelines",
      about: "Checks a YAML list of {from, to, allowed} against the policies. Exits with 1 when one does not hold.",
      flags: { ...fileFlag, ...sourceFlags, ...outputFlag },
      load: async () => (await import("./policy/matrix.ts")).runAssert,
    }),
  },
};
