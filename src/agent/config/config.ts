// The agent's configuration: what can be set, what it is unless set, and how its YAML is read.

import { readFileSync } from "node:fs";
import { messageOf } from "#base/error-message.ts";
import { parseYaml } from "#base/yaml.ts";
import {
  blocks,
  ConfigError,
  deviceNames,
  flag,
  type Infer,
  integer,
  name,
  oneOf,
  optionalInteger,
  optionalPath,
  path,
  section,
} from "./field.ts";

const port = { min: 1, max: 65_535 };

const agentConfig = section("Configuration of `twill agent`.", {
  fabric: section("How packets travel between nodes.", {
    mode: oneOf(
      "direct: by routes to the other nodes' addresses, which must be on the same link; vxlan: in an overlay; auto: direct where nodes share a link, else the overlay.",
      "auto",
      ["auto", "direct", "vxlan"],
    ),
    mtu: optionalInteger(
      "The largest packet of a pod, in bytes; unless set, as much as fits every way of the fabric.",
      {
        min: 1280,
        max: 65_535,
      },
    ),
  }),
  masquerade: section("What leaves the cluster carries its node's address.", {
    enabled: flag("Whether pods are masqueraded at all.", true),
    exclude: blocks(
      "Further blocks whose hosts answer pods by the pods' own addresses. The cluster's nodes and pods always do.",
    ),
  }),
  addresses: section("How pods get their addresses.", {
    cooldownSeconds: integer("How long a released address rests before another pod gets it.", 30, {
      min: 0,
      max: 86_400,
    }),
  }),
  programs: section("The packet path's eBPF programs.", {
    enabled: flag(
      "Without them the kernel's own routing carries everything, slower, and senders are not checked.",
      true,
    ),
    maxConnections: optionalInteger(
      "How many connections the packet path remembers at most; unless set, a 400th of the node's memory is for them.",
      { min: 4096, max: 8_388_608 },
    ),
    ingressBlock: integer("Number of the tc block that what pods send passes.", 31, { min: 1, max: 65_535 }),
    egressBlock: integer("Number of the tc block that what pods receive passes.", 32, { min: 1, max: 65_535 }),
    folder: path(
      "Where a bpf file system is, or gets mounted, that keeps the maps while no agent runs.",
      "/sys/fs/bpf",
    ),
  }),
  services: section("Kubernetes services, in the packet path instead of kube-proxy.", {
    enabled: flag(
      "Whether the agent serves them. Unless it does, somebody like kube-proxy must, and the kernel sees all packets.",
      true,
    ),
    cgroup: optionalPath(
      "The cgroup2 folder of whose processes sockets are led to endpoints; that of all processes unless set.",
    ),
    devices: deviceNames(
      "Devices over which clients outside come; unless set, those with the node's addresses or a default route.",
    ),
    nodePortAddresses: blocks(
      "Where node ports and host ports are open; unless set, on all addresses of those devices and on loopback.",
    ),
    announce: blocks(
      "Addresses of balancers that nodes answer ARP and neighbour discovery for on their devices, each by one node. None unless set: others may do it.",
    ),
    healthzPort: integer("Port for /healthz and /livez, as kube-proxy has it; 0 for none.", 10_256, {
      min: 0,
      max: 65_535,
    }),
  }),
  policy: section("Kubernetes network policies, in the packet path.", {
    enabled: flag("Whether the agent enforces them. Unless it does, everything may speak to everything.", true),
    cutEstablished: flag(
      "Whether connections end that a policy forbids since; the annotation twill.dev/keep-established of a policy with value true keeps those of its pods.",
      true,
    ),
    patienceSeconds: integer("How long a new pod waits for what policies say of it, before its start fails.", 5, {
      min: 1,
      max: 120,
    }),
  }),
  cni: section("What the container runtime finds.", {
    folder: path("Where the runtime looks for network configurations.", "/etc/cni/net.d"),
    file: name("Name of the configuration's file; runtimes take the first in the order of names.", "05-twill.conflist"),
    network: name("Name of the network.", "twill"),
    deletes: path("Where the shim queues deletes while no agent runs.", "/var/lib/twill/deletes"),
  }),
  state: section("What the agent remembers.", {
    folder: path("Folder of the state file; it must survive a restart of the agent.", "/var/lib/twill"),
  }),
  health: section("Whether the agent is well, for a kubelet to ask, and its figures.", {
    port: integer("Port on 127.0.0.1 for /healthz, /readyz and /metrics.", 9878, port),
  }),
});

export type AgentConfig = Infer<typeof agentConfig>;

/** @throws ConfigError naming the field */
export function parseConfig(text: string): AgentConfig {
  const config = agentConfig.read(readYaml(text), "");
  const { programs, services, health } = config;
  requireApart("programs.egressBlock", programs.egressBlock, "programs.ingressBlock", programs.ingressBlock);
  if (services.enabled) requireApart("services.healthzPort", services.healthzPort, "health.port", health.port);
  return config;
}

function readYaml(text: string): unknown {
  try {
    return parseYaml(text);
  } catch (cause) {
    throw new ConfigError(messageOf(cause), { cause });
  }
}

function requireApart(field: string, value: number, other: string, otherValue: number): void {
  if (value !== otherValue) return;
  throw new ConfigError(`fields "${field}" and "${other}" must be two numbers, found ${value} in both`);
}

/** @throws ConfigError naming the file and the field */
export function readConfig(file: string): AgentConfig {
  try {
    return parseConfig(readFileSync(file, "utf8"));
  } catch (cause) {
    const problem = messageOf(cause);
    throw new ConfigError(`Cannot use configuration ${file}: ${problem}`, { cause });
  }
}

/** Everything as it is unless set. */
export const defaultConfig: AgentConfig = agentConfig.read(undefined, "");

/** The JSON Schema that docs/agent.schema.json holds. */
export function configSchema(): object {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Twill agent",
    description: agentConfig.about,
    ...agentConfig.schema,
  };
}
