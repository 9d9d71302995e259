// Whether a lab's parts answer: its API server, its nodes.

import { KubeClient } from "#kube/client.ts";
import { httpTransport } from "#kube/http-transport.ts";
import type { Node } from "#kube/kinds.ts";
import { readKubeconfig } from "#kube/kubeconfig.ts";
import { nodes } from "#kube/resource.ts";
import { nodeStation } from "#lab/fabric/station.ts";
import type { LabSpec } from "#lab/spec.ts";
import type { Started } from "./lab.ts";
import type { Places } from "./places.ts";

/** A client of the lab's API server, as its administrator. */
export function adminClient(places: Places): KubeClient {
  return new KubeClient(httpTransport(readKubeconfig(places.kubeconfig)), "twill-lab");
}

/** Whether the API server answers; how it fails to is of no interest while it starts. */
export async function apiAnswers(client: KubeClient): Promise<boolean> {
  try {
    await client.list(nodes, { limit: 1, signal: AbortSignal.timeout(2_000) });
    return true;
  } catch {
    return false;
  }
}

/**
 * Names of running nodes that are not Ready, by what their kubelets say. Of a kubelet that was just started, only what it said since
 * then counts: what is left from before speaks of a node that has ended.
 */
export async function unreadyNodes(
  client: KubeClient,
  spec: LabSpec,
  { services, sinceMs }: Started,
): Promise<readonly string[]> {
  const { items } = await client.listAll(nodes);
  const restarted = new Set(services.filter(({ name }) => name === "kubelet").map(({ station }) => station));
  const ready = items.filter((node) => {
    const { name = "" } = node.metadata;
    // Heartbeats are in whole seconds.
    return isReadySince(node, restarted.has(nodeStation(name)) ? Math.floor(sinceMs / 1000) * 1000 : 0);
  });
  const names = new Set(ready.map(({ metadata }) => metadata.name));
  return spec.nodes.filter(({ name, running }) => running && !names.has(name)).map(({ name }) => name);
}

function isReadySince({ status }: Node, sinceMs: number): boolean {
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  return ready?.status === "True" && Date.parse(ready.lastHeartbeatTime ?? "") >= sinceMs;
}
