// The declarations of the commands of a node: the agent itself, and what it tells about the node's network.

import { agentsEnvironment, agentsFlags, apiSocketFlag } from "#cli/agent/socket-flag.ts";
import { defaultRunDir } from "#plugins/run-dir.ts";
import { type Flags, type Group, leaf, outputFlag } from "./command.ts";

/** What may be asked of several agents. */
const asking = { flags: { ...agentsFlags, ...outputFlag } as const satisfies Flags, environment: agentsEnvironment };

export const agentCommand = leaf({
  summary: "makes the network of a node's pods",
  about:
    "Makes the network of this node's pods, as one of a Kubernetes cluster. It serves the container runtime: type twill of CNI and all " +
    "standard plugins. When it stops, pods keep their network.",
  flags: {
    config: {
      short: "c",
      value: "FILE",
      complete: "file",
      env: "TWILL_CONFIG",
      about: "its configuration in YAML; everything has a default",
    },
    node: { value: "NAME", env: "NODE_NAME", about: "name of this node in the cluster; the host's unless given" },
    kubeconfig: {
      value: "FILE",
      complete: "file",
      env: "KUBECONFIG",
      about: "how to reach the API server; within a pod, its service account unless given",
    },
    socket: {
      value: "PATH",
      complete: "file",
      env: "TWILL_PLUGINS_SOCKET",
      default: "/run/twill/plugins.sock",
      about: "where to listen for the shims",
    },
    "run-dir": {
      value: "DIR",
      complete: "folder",
      env: "TWILL_RUN_DIR",
      default: defaultRunDir,
      about: "folder for records that a reboot may forget",
    },
    ...apiSocketFlag,
    uninstall: { about: "only take the node's network configuration away, so that the runtime asks for pods no more" },
  },
  load: async () => (await import("#cli/agent/run.ts")).runAgent,
});

export const statusCommand = leaf({
  summary: "shows this node's network: blocks, peers, endpoints, problems",
  ...asking,
  load: async () => (await import("#cli/agent/status.ts")).agentStatus,
});

export const endpointsCommand = leaf({
  summary: "lists the interfaces of this node's pods",
  ...asking,
  load: async () => (await import("#cli/agent/endpoints.ts")).agentEndpoints,
});

export const servicesCommand = leaf({
  summary: "shows where the services of this node are reached, and who answers",
  about:
    "Shows the services that this node serves, and where they are reached. Of one service also its endpoints: the pods, the slices that name them, " +
    "whether they are ready, and how many connections this node knows of.",
  args: { name: { optional: true, complete: "service", about: "one of them, as NAMESPACE/NAME" } },
  ...asking,
  flags: { ...asking.flags, names: { about: "print names only, each on a line" } },
  load: async () => (await import("#cli/agent/services.ts")).agentServices,
});

export const dropsCommand = leaf({
  summary: "shows what became of packets, and why some were dropped",
  ...asking,
  load: async () => (await import("#cli/agent/drops.ts")).agentDrops,
});

export const ipamCommand: Group = {
  summary: "shows and mends the addresses of this node",
  commands: {
    show: leaf({
      summary: "shows pools and who has which address",
      ...asking,
      load: async () => (await import("#cli/agent/ipam.ts")).ipamShow,
    }),
    check: leaf({
      summary: "compares what is written down with the kernel",
      ...asking,
      load: async () => (await import("#cli/agent/ipam.ts")).ipamCheck,
    }),
    release: leaf({
      summary: "gives an address free that no living pod has",
      args: { address: { about: "the address" } },
      ...asking,
      flags: { ...asking.flags, force: { about: "take it even from a pod that lives" } },
      load: async () => (await import("#cli/agent/ipam.ts")).ipamRelease,
    }),
  },
};

export const configCommand: Group = {
  summary: "checks and explains the agent's configuration",
  commands: {
    check: leaf({
      summary: "reads a configuration, and prints what would be in force",
      args: { file: { complete: "file", about: "the YAML file" } },
      load: async () => (await import("#cli/agent/config.ts")).configCheck,
    }),
    show: leaf({
      summary: "prints what is in force unless set",
      load: async () => (await import("#cli/agent/config.ts")).configShow,
    }),
    schema: leaf({
      summary: "prints the JSON Schema",
      load: async () => (await import("#cli/agent/config.ts")).printSchema,
    }),
  },
};
