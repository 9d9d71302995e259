// The declaration of `twill lab`: whole clusters on one machine.

import { type Flags, type Group, leaf, outputFlag, UsageError } from "./command.ts";

const unlessGiven = "unless given that of $TWILL_LAB or $KUBECONFIG, the only one, or twill";
const name = { optional: true, about: `name of the lab; ${unlessGiven}` } as const;
const node = { about: "name of the node" } as const;
const end = { about: "name of a node, or control" } as const;

const labFlag = {
  lab: { short: "l", value: "NAME", about: `name of the lab; ${unlessGiven}` },
} as const satisfies Flags;

const pod = { about: "a pod as [NAMESPACE/]POD" } as const;
const namespaceFlag = {
  namespace: { short: "n", value: "NAMESPACE", default: "default", about: "of what names no namespace itself" },
} as const satisfies Flags;
const containerFlag = {
  container: { short: "c", value: "NAME", about: "name of the container; the first one unless given" },
} as const satisfies Flags;

const environment = {
  TWILL_LAB: "a lab, for commands that name none",
  KUBECONFIG: "that of a lab means the lab",
  TWILL_LAB_DIR: "folder for the state of labs (/run/twill/lab)",
};

const nodeGroup: Group = {
  summary: "adds, removes, stops and starts nodes",
  commands: {
    add: leaf({
      summary: "adds a node",
      args: { node: { optional: true, about: "its name; node and its number unless given" } },
      flags: labFlag,
      environment,
      load: async () => (await import("#cli/lab/node.ts")).nodeAdd,
    }),
    remove: leaf({
      summary: "removes a node for good",
      args: { node },
      flags: labFlag,
      environment,
      load: async () => (await import("#cli/lab/node.ts")).nodeRemove,
    }),
    stop: leaf({
      summary: "stops a node's processes in order, as a machine that is shut down",
      args: { node },
      flags: labFlag,
      environment,
      load: async () => (await import("#cli/lab/node.ts")).nodeStop,
    }),
    crash: leaf({
      summary: "ends all of a node at once, as a machine without power",
      args: { node },
      flags: labFlag,
      environment,
      load: async () => (await import("#cli/lab/node.ts")).nodeCrash,
    }),
    start: leaf({
      summary: "starts a stopped or crashed node, with the addresses it had",
      args: { node },
      flags: labFlag,
      environment,
      load: async () => (await import("#cli/lab/node.ts")).nodeStart,
    }),
  },
};

const agentGroup: Group = {
  summary: "kills, restarts and upgrades agents; pods keep their network",
  commands: {
    kill: leaf({
      summary: "ends a node's agent at once; up and restart bring it back",
      args: { node },
      flags: labFlag,
      environment,
      load: async () => (await import("#cli/lab/agent.ts")).agentKill,
    }),
    restart: leaf({
      summary: "ends a node's agent in order and starts it again",
      args: { node },
      flags: labFlag,
      environment,
      load: async () => (await import("#cli/lab/agent.ts")).agentRestart,
    }),
    upgrade: leaf({
      summary: "ends a node's agent in order and starts another executable in its place",
      args: {
        node,
        executable: { optional: true, complete: "file", about: "another build of twill; this one unless given" },
      },
      flags: labFlag,
      environment,
      load: async () => (await import("#cli/lab/agent.ts")).agentUpgrade,
    }),
  },
};

const wireGroup: Group = {
  summary: "cuts, heals and worsens the wire between two nodes",
  about:
    "Does something to all that goes between two nodes, pods' packets included, in both directions.\nIn the place of a node, control is the control plane.",
  commands: {
    cut: leaf({
      summary: "lets nothing through",
      args: { from: end, to: end },
      flags: labFlag,
      environment,
      load: async () => (await import("#cli/lab/wire.ts")).wireCut,
    }),
    heal: leaf({
      summary: "makes a wire as it was, also without loss and delay",
      args: { from: end, to: end },
      flags: labFlag,
      environment,
      load: async () => (await import("#cli/lab/wire.ts")).wireHeal,
    }),
    delay: leaf({
      summary: "keeps every frame back for a time, each way",
      args: { from: end, to: end, time: { about: "like 20ms or 1s; 0 for none", parse: parseTimeMs } },
      flags: labFlag,
      environment,
      load: async () => (await import("#cli/lab/wire.ts")).wireDelay,
    }),
    loss: leaf({
      summary: "loses a share of the frames, each way",
      args: { from: end, to: end, share: { about: "like 5%; 0 for none", parse: parsePercent } },
      flags: labFlag,
      environment,
      load: async () => (await import("#cli/lab/wire.ts")).wireLoss,
    }),
  },
};

export const labCommand: Group = {
  summary: "runs a Kubernetes cluster on this machine, in namespaces",
  about: "Runs whole Kubernetes clusters on this machine, for real kubectl: nodes are namespaces, pods need no images.",
  commands: {
    up: leaf({
      summary: "starts a lab, or mends what is missing of one",
      args: { name },
      flags: {
        nodes: { short: "n", value: "N", parse: parseCount, about: "number of nodes (3)" },
        family: {
          value: "FAMILY",
          words: ["ipv4", "ipv6", "dual"],
          about: "families of addresses: ipv4 (as by default), ipv6 or dual",
        },
        underlay: {
          value: "KIND",
          words: ["l2", "l3"],
          about: "l2 (as by default): all nodes on one link; l3: each behind a router",
        },
        fabric: {
          value: "MODE",
          words: ["auto", "vxlan", "direct"],
          about: "how agents carry packets between nodes: auto (as by default), vxlan or direct",
        },
        services: {
          value: "KIND",
          words: ["agent", "proxy", "none"],
          about: "who serves services: agent (as by default with agents), proxy (the lab's own), or none",
        },
        plugins: { about: "the standard plugins and routes at the switch, instead of Twill's agents" },
        cni: {
          value: "CONFLIST",
          complete: "file",
          about: "network configuration of the nodes, for --plugins or plugins of your own",
        },
        port: {
          value: "PORT",
          parse: parsePort,
          about: "port of the API server on 127.0.0.1; a free one unless given",
        },
      },
      environment,
      load: async () => (await import("#cli/lab/up.ts")).labUp,
    }),
    down: leaf({
      summary: "removes a lab with everything in it",
      args: { name },
      environment,
      load: async () => (await import("#cli/lab/down.ts")).labDown,
    }),
    status: leaf({
      summary: "shows nodes, processes, memory and addresses",
      args: { name: { optional: true, about: "name of the lab; all labs unless given" } },
      flags: outputFlag,
      environment,
      load: async () => (await import("#cli/lab/status.ts")).labStatus,
    }),
    node: nodeGroup,
    agent: agentGroup,
    wire: wireGroup,
    kubeconfig: leaf({
      summary: "prints the configuration for kubectl",
      args: { name },
      flags: { write: { short: "w", value: "FILE", complete: "file", about: "write it to a file instead" } },
      environment,
      load: async () => (await import("#cli/lab/kubeconfig.ts")).labKubeconfig,
    }),
    shell: leaf({
      summary: "opens a shell in a node or a pod",
      args: {
        place: { about: "a node, switch, control, internet, client, or a pod as [NAMESPACE/]POD" },
        command: { optional: true, repeated: true, about: "what to run instead of a shell, after --" },
      },
      flags: labFlag,
      environment,
      load: async () => (await import("#cli/lab/shell.ts")).labShell,
    }),
    load: leaf({
      summary: "applies manifests, as kubectl apply does",
      about:
        "Applies manifests by server-side apply: namespaces, definitions of kinds and services first, the rest in the order of the files.\nA file may hold several objects, a folder several files; - is standard input.",
      args: { file: { repeated: true, complete: "file", about: "a file of YAML or JSON, a folder of them, or -" } },
      flags: {
        ...labFlag,
        ...namespaceFlag,
        wait: { short: "w", about: "wait until all workloads are ready" },
        timeout: {
          value: "TIME",
          parse: parseLimitMs,
          default: "60s",
          about: "how long to wait at most, like 30s or 5m",
        },
      },
      environment,
      load: async () => (await import("#cli/lab/load.ts")).labLoad,
    }),
    exec: leaf({
      summary: "runs a command in a container of a pod",
      args: { pod, command: { repeated: true, about: "what to run, after --" } },
      flags: { ...labFlag, ...namespaceFlag, ...containerFlag },
      environment,
      load: async () => (await import("#cli/lab/exec.ts")).labExec,
    }),
    logs: leaf({
      summary: "prints what a container of a pod has written",
      args: { pod },
      flags: {
        ...labFlag,
        ...namespaceFlag,
        ...containerFlag,
        follow: { short: "f", about: "go on with what comes" },
        previous: { short: "p", about: "of the run before the last restart" },
        tail: { value: "LINES", parse: parseLines, about: "only so many of the last lines" },
      },
      environment,
      load: async () => (await import("#cli/lab/logs.ts")).labLogs,
    }),
    probe: leaf({
      summary: "tries who reaches whom, and shows it as a table",
      about:
        "Connects from every pod, every node and the client outside to every pod, service and the internet.\nWHO is a kind (pods, nodes, services, client, internet), a name (node1, shop/frontend), a namespace (shop/) or labels (tier=web).",
      flags: {
        ...labFlag,
        namespace: { short: "n", value: "NAMESPACE", about: "only pods and services of this namespace" },
        from: { value: "WHO", about: "only from these" },
        to: { value: "WHO", about: "only to these" },
        tcp: { about: "only TCP" },
        udp: { about: "only UDP" },
        each: { about: "a row and a column for each pod and node, not for each workload" },
        timeout: { value: "TIME", parse: parseTimeMs, default: "1s", about: "how long to wait for each, like 300ms" },
        ...outputFlag,
      },
      environment,
      load: async () => (await import("#cli/lab/probe.ts")).labProbe,
    }),
    measure: leaf({
      summary: "measures how fast two pods or nodes reach each other",
      about:
        "Small messages back and forth over TCP, both ends on one processor, then one stream. Without names it takes two pods of one node, and two of different nodes.",
      args: {
        from: { optional: true, about: "a node, or a pod as [NAMESPACE/]POD" },
        to: { optional: true, about: "another one" },
      },
      flags: {
        ...labFlag,
        ...namespaceFlag,
        time: { value: "TIME", parse: parseTimeMs, default: "400ms", about: "how long to measure each, like 2s" },
        ...outputFlag,
      },
      environment,
      load: async () => (await import("#cli/lab/measure.ts")).labMeasure,
    }),
    internet: leaf({
      hidden: true,
      summary: "plays the internet",
      load: async () => (await import("#cli/lab/internet.ts")).labInternet,
    }),
    control: leaf({
      hidden: true,
      summary: "runs the control plane",
      args: { folder: { about: "state folder of the lab" } },
      load: async () => (await import("#cli/lab/control.ts")).labControl,
    }),
    kubelet: leaf({
      hidden: true,
      summary: "runs a node's kubelet",
      args: { config: { about: "file that says which node it is" } },
      load: async () => (await import("#cli/lab/kubelet.ts")).labKubelet,
    }),
    dns: leaf({
      hidden: true,
      summary: "answers names of the cluster, in a pod",
      load: async () => (await import("#cli/lab/dns.ts")).labDns,
    }),
    wires: leaf({
      hidden: true,
      summary: "keeps frames of delayed wires back",
      args: { file: { about: "lab.json of the lab" } },
      load: async () => (await import("#cli/lab/wires.ts")).labWires,
    }),
  },
};

function parseCount(text: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw new UsageError("must be a whole number, like 3");
}

function parsePort(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) > 0 && Number(text) < 65_536) return Number(text);
  throw new UsageError("must be a port, 1 to 65535");
}

function parseLines(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UsageError("must be a number of lines");
}

function parseLimitMs(text: string): number {
  const [, digits, unit = "s"] = /^(\d{1,6})(s|m)?$/.exec(text) ?? [];
  if (digits !== undefined) return Number(digits) * (unit === "m" ? 60_000 : 1000);
  throw new UsageError("must be a time like 30s or 5m");
}

const maxDelayMs = 60_000;

function parseTimeMs(text: string): number {
  const [, digits, unit = "ms"] = /^(\d+(?:\.\d+)?)(ms|s)?$/.exec(text) ?? [];
  const ms = Number(digits) * (unit === "s" ? 1000 : 1);
  if (ms >= 0 && ms <= maxDelayMs) return ms;
  throw new UsageError(`must be a time up to ${maxDelayMs / 1000}s, like 20ms`);
}

function parsePercent(text: string): number {
  const percent = Number(/^(\d+(?:\.\d+)?)%?$/.exec(text)?.[1]);
  if (percent >= 0 && percent <= 100) return percent;
  throw new UsageError("must be a share of 0% to 100%, like 5%");
}
