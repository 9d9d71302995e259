// Whether a lab's parts answer: its API server, its nodes.

import { KubeClient } from "#kube/client.ts";
import { httpTransport } from "#kube/http-transport.ts";
import { readKubeconfig } from "#kube/kubeconfig.ts";
import { nodes } from "#kube/resource.ts";
import type { LabSpec } from "#lab/spec.ts";
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

/** Names of running nodes that are not Ready, by what their own kubelets say. */
export async function unreadyNodes(client: KubeClient, spec: LabSpec): Promise<readonly string[]> {
  const { items } = await client.listAll(nodes);
  const ready = new Set(items.filter(isReady).map(({ metadata }) => metadata.name));
  return spec.nodes.filter(({ name, running }) => running && !ready.has(name)).map(({ name }) => name);
}

type NodeLike = {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
};

export function isReady({ status }: NodeLike): boolean {
  return status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True") === true;
}
