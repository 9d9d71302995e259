// Whether a lab's parts answer: its API server, its nodes.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isErrno } from "#kernel/errno.ts";
import { KubeClient } from "#kube/client.ts";
import { httpTransport } from "#kube/http-transport.ts";
import type { Node } from "#kube/kinds.ts";
import { readKubeconfig } from "#kube/kubeconfig.ts";
import { deployments, endpointSlices, nodes } from "#kube/resource.ts";
import { livingIn } from "#lab/cgroup.ts";
import { dnsDeployment, dnsServiceName } from "#lab/control/cluster-dns.ts";
import { nodeStation } from "#lab/fabric/station.ts";
import { servingPath } from "#lab/node-config.ts";
import type { LabSpec } from "#lab/spec.ts";
import { serviceNameLabel } from "#model/service/slice.ts";
import { nodePlaces, type Places } from "./places.ts";
import type { Service } from "./services.ts";

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
 * Names of running nodes that are not Ready. Of a kubelet that was just started the API may still have what an earlier one said: only
 * those count that look after their pods.
 */
export async function unreadyNodes(
  client: KubeClient,
  places: Places,
  spec: LabSpec,
  started: readonly Service[],
): Promise<readonly string[]> {
  const { items } = await client.listAll(nodes);
  const ready = new Set(items.filter(isReady).map(({ metadata }) => metadata.name));
  const fresh = started.filter(({ name }) => name === "kubelet").map(({ station }) => station);
  const isUp = (name: string) => ready.has(name) && (!fresh.includes(nodeStation(name)) || isServing(places, name));
  return spec.nodes.filter(({ name, running }) => running && !isUp(name)).map(({ name }) => name);
}

function isReady({ status }: Node): boolean {
  return status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True") === true;
}

/** Whether the kubelet that runs is the one that wrote down that it serves. */
function isServing(places: Places, node: string): boolean {
  const { folder, cgroup } = nodePlaces(places, node);
  try {
    return livingIn(join(cgroup, "kubelet")).includes(Number(readFileSync(servingPath(folder), "utf8")));
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    throw error;
  }
}

/** Whether a pod of cluster DNS on a running node answers names, or nobody wants that any does. */
export async function namesAnswered(client: KubeClient, { nodes: all }: LabSpec): Promise<boolean> {
  const running = new Set(all.filter((node) => node.running).map(({ name }) => name));
  if (running.size === 0) return true;
  const { namespace } = dnsDeployment;
  const { items } = await client.list(deployments, { namespace, fieldSelector: `metadata.name=${dnsDeployment.name}` });
  if (items.every(({ spec }) => spec?.replicas === 0)) return true;
  const slices = await client.list(endpointSlices, {
    namespace,
    labelSelector: `${serviceNameLabel}=${dnsServiceName}`,
  });
  return slices.items
    .flatMap(({ endpoints }) => endpoints)
    .some(({ conditions, nodeName = "" }) => conditions?.ready === true && running.has(nodeName));
}
