// What the policy commands look at: a folder of manifests, or a cluster.

import { type CommandIo, UsageError } from "#cli/command.ts";
import { KubeClient } from "#kube/client.ts";
import { findCluster } from "#kube/find-cluster.ts";
import { httpTransport } from "#kube/http-transport.ts";
import type { NetworkPolicy } from "#kube/kinds.ts";
import type { KubeObject } from "#kube/object.ts";
import { namespaces, networkPolicies, nodes, pods, type Resource, services } from "#kube/resource.ts";
import { readManifests } from "#lab/manifests/read.ts";
import { type World, worldOf } from "#model/policy/world.ts";

export type SourceGiven = { readonly manifests: readonly string[]; readonly kubeconfig: string | undefined };

export type Source = {
  readonly objects: readonly KubeObject[];
  readonly world: World;
  readonly policies: readonly NetworkPolicy[];
};

/** Reads everything that policies are about. Throws an Error that names the file, or the cluster. */
export async function readSource({ manifests, kubeconfig }: SourceGiven, io: CommandIo): Promise<Source> {
  const objects =
    manifests.length > 0 ? readManifests(manifests).map(({ object }) => object) : await readCluster(kubeconfig, io);
  return sourceOf(objects);
}

export function sourceOf(objects: readonly KubeObject[]): Source {
  const policies = objects.filter(
    ({ apiVersion, kind }) => kind === "NetworkPolicy" && apiVersion.startsWith("networking.k8s.io/"),
  );
  return { objects, world: worldOf(objects), policies: policies as readonly NetworkPolicy[] };
}

async function readCluster(kubeconfig: string | undefined, io: CommandIo): Promise<readonly KubeObject[]> {
  if (kubeconfig === undefined && !io.env.has("KUBERNETES_SERVICE_HOST")) {
    throw new UsageError("neither --manifests nor --kubeconfig says what to look at");
  }
  const client = new KubeClient(httpTransport(findCluster(kubeconfig, io.env)), "twill");
  const all = [namespaces, nodes, pods, services, networkPolicies] as readonly Resource[];
  const lists = await Promise.all(all.map((resource) => client.listAll(resource)));
  return lists.flatMap(({ items }) => items);
}
