// Nodes of a lab: what they need on disk before they start, and how they end.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { killProcess, processesIn, removeGroup } from "#lab/cgroup.ts";
import { dnsAddress, nodeAddresses } from "#lab/fabric/addresses.ts";
import { routerStation } from "#lab/fabric/station.ts";
import { portOf } from "#lab/fabric/want.ts";
import { formatNodeConfig, nodeConfigPath } from "#lab/node-config.ts";
import { familiesOf, type LabSpec } from "#lab/spec.ts";
import { writeWhole } from "#lab/whole-file.ts";
import { findLink, setLink } from "#netlink/link.ts";
import { agentConfigText } from "./agent-config.ts";
import { openStations } from "./holders.ts";
import { agentGroup, nodePlaces, type Places } from "./places.ts";

type Sleep = (ms: number) => Promise<void>;

/** Writes what the kubelets of the running nodes read when they start. */
export function prepareNodes(places: Places, spec: LabSpec): void {
  const families = familiesOf(spec.family);
  for (const node of spec.nodes.filter(({ running }) => running)) {
    const { folder, cgroup, kubelet, agent } = nodePlaces(places, node.name);
    if (spec.agents !== undefined) writeWhole(join(agent, "config.yaml"), agentConfigText(spec, cgroup));
    const config = {
      ...{
        lab: spec.name,
        node: node.name,
        family: spec.family,
        services: spec.services,
        folder,
        cgroup,
        cni: spec.cni,
        ownConflist: spec.agents === undefined,
      },
      addresses: nodeAddresses(spec, node),
      dns: families.map((family) => dnsAddress[family]),
      kubeconfig: join(kubelet, "kubeconfig"),
      pki: join(kubelet, "pki"),
    };
    writeWhole(nodeConfigPath(folder), formatNodeConfig(config));
  }
}

/** Time for a process to end after SIGTERM. */
const graceMs = 10_000;
const stepMs = 10;

/** Ends the node's agent: in order, or with `isKilled` at once. Pods keep their network. */
export async function endAgent(places: Places, node: string, isKilled: boolean, sleep: Sleep): Promise<void> {
  const group = agentGroup(places, node);
  if (!isKilled) await endInOrder(group, sleep);
  await removeGroup(group, sleep);
}

async function endInOrder(group: string, sleep: Sleep): Promise<void> {
  for (const pid of processesIn(group)) killProcess(pid, "SIGTERM");
  for (let waitedMs = 0; waitedMs < graceMs && processesIn(group).length > 0; waitedMs += stepMs) await sleep(stepMs);
}

/** Ends a node's kubelet in order, then all the rest of the node. */
export async function stopNode(places: Places, spec: LabSpec, node: string, sleep: Sleep): Promise<void> {
  await endInOrder(join(nodePlaces(places, node).cgroup, "kubelet"), sleep);
  await crashNode(places, spec, node, sleep);
}

/** Ends everything of a node at once, and forgets what a machine without power forgets. */
export async function crashNode(places: Places, spec: LabSpec, node: string, sleep: Sleep): Promise<void> {
  const { cgroup, folder } = nodePlaces(places, node);
  unplug(places, spec, node);
  await removeGroup(cgroup, sleep);
  await removeGroup(join(places.cgroup, routerStation(node)), sleep);
  for (const lost of ["run", "layers"]) rmSync(join(folder, lost), { recursive: true, force: true });
}

/** Crashes a node and takes its disk away, too. */
export async function removeNode(places: Places, spec: LabSpec, node: string, sleep: Sleep): Promise<void> {
  await crashNode(places, spec, node, sleep);
  rmSync(nodePlaces(places, node).folder, { recursive: true, force: true });
}

/** A network outlives its last process by some moments, in which it would still answer. */
function unplug(places: Places, spec: LabSpec, node: string): void {
  const port = portOf(spec, node);
  using stations = openStations(places, ["switch"]);
  const { connection } = stations.of("switch");
  const link = port === undefined ? undefined : findLink(connection, port.name);
  if (link !== undefined) connection.tryApply([setLink(link.index, { up: false }, link.name)]);
}
