// The declarations of `twill policy` and `twill explain`.

import { agentsEnvironment, agentsFlags } from "./agent/socket-flag.ts";
import { type Group, type Leaf, leaf, outputFlag, UsageError } from "./command.ts";
import { sourceFlags } from "./policy/source-flags.ts";

const fileFlag = {
  file: {
    short: "f",
    value: "FILE",
    repeated: true,
    complete: "file",
    about: "a file or folder that would be applied, or -",
  },
} as const;

const ofNames = {
  namespace: { short: "n", value: "NAMESPACE", about: "of a policy that is named without one" },
} as const;

/** What the configuration of a cluster is for is said by its flag. */
const { KUBECONFIG: _, ...agentsOfTry } = agentsEnvironment;

const inNamespaces = {
  namespace: {
    short: "n",
    value: "NAMESPACE",
    repeated: true,
    about: "only policies of this namespace, and those of the cluster about its pods",
  },
} as const;

const end = "[NAMESPACE/]NAME of a pod or workload, KIND/NAME, an address, a name of the cluster's DNS, or world";

export const explainCommand: Leaf = leaf({
  summary: "says why a connection is allowed or not, without sending a packet",
  about:
    "Says what the network policies at both ends make of a connection: which rule allows it, or which came closest and why they do not. Exits with 1 when it is denied.",
  args: {
    from: { about: end },
    to: { about: "as the source, or svc/NAME; then :PORT and /tcp, /udp, /sctp or /icmp, whose port is its type" },
  },
  flags: {
    ...sourceFlags,
    namespace: {
      short: "n",
      value: "NAMESPACE",
      about:
        "of what names no namespace itself; unless given, default for the source and the source's for the destination",
    },
    ...outputFlag,
  },
  load: async () => (await import("./policy/explain.ts")).runExplain,
});

export const policyCommand: Group = {
  summary: "looks at network policies: of a cluster, or of a folder of manifests",
  commands: {
    list: leaf({
      summary: "lists policies and how many pods they are about",
      flags: { ...inNamespaces, ...sourceFlags, ...outputFlag },
      load: async () => (await import("./policy/lint.ts")).runList,
    }),
    lint: leaf({
      summary: "warns of traps that policies fall into",
      about:
        "Warns of traps that policies fall into: all of them, or those of files, among what there is already. Exits with 1 when there are any.",
      flags: { ...fileFlag, ...inNamespaces, ...sourceFlags, ...outputFlag },
      load: async () => (await import("./policy/lint.ts")).runLint,
    }),
    matrix: leaf({
      summary: "shows who reaches whom, as the policies say",
      flags: {
        namespace: {
          short: "n",
          value: "NAMESPACE",
          repeated: true,
          about: "only pods of this namespace, and the world",
        },
        ...sourceFlags,
        ...outputFlag,
      },
      load: async () => (await import("./policy/matrix.ts")).runMatrix,
    }),
    show: leaf({
      summary: "shows a policy in words: whom it is about, and whom each rule means",
      args: { name: { about: "[NAMESPACE/]NAME of a policy" } },
      flags: { ...ofNames, ...sourceFlags, ...outputFlag },
      load: async () => (await import("./policy/show.ts")).runShow,
    }),
    try: leaf({
      summary: "shows what applying a file, or removing a policy, would change",
      about:
        "Shows who would lose and who would gain what, were the files applied and the policies gone. Where an agent answers it also shows " +
        "which connections of the last minutes would be cut. Exits with 1 when something would change.",
      flags: {
        ...fileFlag,
        without: { value: "POLICY", repeated: true, about: "[NAMESPACE/]NAME of a policy that would be gone" },
        ...ofNames,
        ...sourceFlags,
        ...agentsFlags,
        last: {
          value: "SECONDS",
          default: "300",
          parse: parseSeconds,
          about: "how far back connections are asked for",
        },
        ...outputFlag,
      },
      environment: agentsOfTry,
      load: async () => (await import("./policy/try.ts")).runTry,
    }),
    status: leaf({
      summary: "shows on how many pods each policy is in force, and since when",
      about:
        "Asks this node's agent, or those of several nodes: a policy is in force when all of its pods have it. Exits with 1 when one is not.",
      flags: { ...agentsFlags, ...outputFlag },
      environment: agentsEnvironment,
      load: async () => (await import("./policy/status.ts")).runStatus,
    }),
    denials: leaf({
      summary: "lists connections that policies refused of late, and why",
      flags: { ...agentsFlags, ...outputFlag },
      environment: agentsEnvironment,
      load: async () => (await import("./policy/denials.ts")).runDenials,
    }),
    assert: leaf({
      summary: "checks expectations, for pipelines",
      about: "Checks a YAML list of {from, to, allowed} against the policies. Exits with 1 when one does not hold.",
      flags: {
        file: { short: "f", value: "FILE", repeated: true, complete: "file", about: "a file of expectations" },
        ...sourceFlags,
        ...outputFlag,
      },
      load: async () => (await import("./policy/assert.ts")).runAssert,
    }),
  },
};

function parseSeconds(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new UsageError(`"${text}" is no number of seconds, like 300`);
}
