// What there is of a lab: its nodes and processes, found by their control groups, and what its agents say is amiss.

import { join } from "node:path";
import { processesBelow } from "#lab/cgroup.ts";
import { controlAddress, nodeAddresses } from "#lab/fabric/addresses.ts";
import { nodeStation } from "#lab/fabric/station.ts";
import { formatWire } from "#lab/fabric/wires.ts";
import { familiesOf, type LabSpec } from "#lab/spec.ts";
import { askNodeAgent } from "./agents.ts";
import { holderOf } from "./holders.ts";
import { memoryOf } from "./memory.ts";
import { agentGroup, type Installation, type Places } from "./places.ts";
import { isRunning } from "./processes.ts";
import { wantServices } from "./services.ts";

export type PartStatus = {
  readonly name: string;
  /** `node`, `control`, `internet`, … */
  readonly role: string;
  /** In words: `up`, `stopped`, or what is missing. */
  readonly state: string;
  readonly addresses: readonly string[];
  readonly processes: number;
  readonly memoryBytes: number;
};

export type LabStatus = {
  readonly name: string;
  readonly family: LabSpec["family"];
  readonly underlay: LabSpec["underlay"];
  readonly kubeconfig: string;
  readonly parts: readonly PartStatus[];
  /** Wires that something was done to, in words. */
  readonly wires: readonly string[];
  /** What agents say is amiss: `node1: Cannot reach node node2 …`. */
  readonly problems: readonly string[];
};

export async function readStatus(spec: LabSpec, places: Places, installation: Installation): Promise<LabStatus> {
  const missing = wantServices(spec, places, installation).filter((service) => !isRunning(service));
  const part = (role: string, name: string, path: string, addresses: readonly string[], running = true): PartStatus => {
    const pids = processesBelow(join(places.cgroup, path));
    const lacks = missing.filter(({ station }) => station === path).map((service) => service.name);
    const broken = holderOf(places, path) === undefined ? ["namespaces"] : lacks;
    return {
      ...{ name, role, addresses, processes: pids.length },
      state: !running ? "stopped" : broken.length === 0 ? "up" : `lacks ${broken.join(", ")}`,
      memoryBytes: pids.reduce((sum, pid) => sum + memoryOf(pid), 0),
    };
  };
  const families = familiesOf(spec.family);
  return {
    ...{ name: spec.name, family: spec.family, underlay: spec.underlay, kubeconfig: places.kubeconfig },
    parts: [
      part(
        "control",
        "control",
        "control",
        families.map((family) => controlAddress[family]),
      ),
      ...spec.nodes.map((node) =>
        part("node", node.name, nodeStation(node.name), nodeAddresses(spec, node), node.running),
      ),
      part("switch", "switch", "switch", []),
      part("internet", "internet", "internet", []),
      part("client", "client", "client", []),
    ],
    wires: spec.wires.map(formatWire),
    problems: spec.agents === undefined ? [] : await agentProblems(spec, places),
  };
}

/** Of agents that run; which do not, the parts tell. */
async function agentProblems({ nodes }: LabSpec, places: Places): Promise<readonly string[]> {
  const running = nodes.filter(({ running, name }) => running && isRunning({ cgroup: agentGroup(places, name) }));
  const told = await Promise.all(
    running.map(async ({ name }) => {
      const status = await askNodeAgent(places, name);
      const problems = status === undefined ? ["its agent does not answer"] : status.problems;
      return problems.map((problem) => `${name}: ${problem}`);
    }),
  );
  return told.flat();
}
