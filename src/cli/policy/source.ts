// What the policy commands look at: a folder of manifests, or a cluster.

import { readFileSync } from "node:fs";
import { messageOf } from "#base/error-message.ts";
import { type CommandIo, type OutputFormat, UnansweredError, UsageError } from "#cli/command.ts";
import { KubeClient } from "#kube/client.ts";
import { findCluster } from "#kube/find-cluster.ts";
import { httpTransport } from "#kube/http-transport.ts";
import { hasReason, type StatusReason } from "#kube/kube-error.ts";
import type { KubeObject } from "#kube/object.ts";
import {
  clusterNetworkPolicies,
  endpointSlices,
  namespaces,
  networkPolicies,
  nodes,
  pods,
  type Resource,
  services,
} from "#kube/resource.ts";
import { parseManifests, readManifests } from "#lab/manifests/read.ts";
import { type World, workloadOf, worldOf } from "#model/policy/world.ts";

export type SourceGiven = { readonly manifests: readonly string[]; readonly kubeconfig: string | undefined };

/** A call of a command that is given files to judge beside what it looks at. */
export type FileCall = {
  readonly flags: SourceGiven & { readonly file: readonly string[]; readonly output: OutputFormat };
};

/** Objects as they were written, and what they are together. */
export type Source = { readonly objects: readonly KubeObject[]; readonly world: World };

/** Read only to say that they are not in force: who may not see them loses nothing else. */
const superseded: readonly Resource[] = ["AdminNetworkPolicy", "BaselineAdminNetworkPolicy"].map((kind) => ({
  ...{ group: "policy.networking.k8s.io", version: "v1alpha1", namespaced: false },
  ...{ kind, plural: `${kind.toLowerCase().slice(0, -1)}ies` },
}));

/** Reads everything that policies are about. @throws UsageError @throws UnansweredError that names the file, or the cluster */
export async function readSource({ manifests, kubeconfig }: SourceGiven, io: CommandIo): Promise<Source> {
  const objects =
    manifests.length > 0 ? readFiles(manifests) : await readCluster(kubeconfig, io).catch((cause) => unanswered(cause));
  return { objects, world: worldOf(objects) };
}

/** The objects of files and folders, `-` being standard input; expectations and other things may lie beside them in folders. @throws UnansweredError */
export function readFiles(paths: readonly string[]): readonly KubeObject[] {
  try {
    return paths
      .flatMap((path) =>
        path === "-" ? parseManifests(readFileSync(0, "utf8"), "standard input") : readManifests([path], "pass over"),
      )
      .map(({ object }) => object);
  } catch (cause) {
    return unanswered(cause);
  }
}

/** What there is when files are applied: their objects replace those of the same name, and a workload its pods. */
export function withFiles(objects: readonly KubeObject[], added: readonly KubeObject[]): readonly KubeObject[] {
  const replaced = new Set(added.map(identityOf));
  const isReplaced = (object: KubeObject) => {
    const workload = object.kind === "Pod" ? workloadOf(object) : undefined;
    return (
      replaced.has(identityOf(object)) ||
      added.some(
        ({ kind, metadata }) =>
          kind === workload?.kind &&
          metadata.name === workload.name &&
          namespaceOf(metadata) === namespaceOf(object.metadata),
      )
    );
  };
  return [...objects.filter((object) => !isReplaced(object)), ...added];
}

function identityOf({ apiVersion, kind, metadata }: KubeObject): string {
  const [group] = apiVersion.split("/");
  return `${group} ${kind} ${namespaceOf(metadata)}/${metadata.name}`;
}

function namespaceOf({ namespace = "default" }: KubeObject["metadata"]): string {
  return namespace;
}

/** @throws UsageError @throws UnansweredError */
function unanswered(cause: unknown): never {
  if (cause instanceof UsageError) throw cause;
  throw new UnansweredError(messageOf(cause), { cause });
}

/** Whether anything says what to look at. */
export function isSourceGiven({ manifests, kubeconfig }: SourceGiven, { env }: CommandIo): boolean {
  return manifests.length > 0 || kubeconfig !== undefined || env.has("KUBERNETES_SERVICE_HOST");
}

async function readCluster(kubeconfig: string | undefined, io: CommandIo): Promise<readonly KubeObject[]> {
  if (!isSourceGiven({ manifests: [], kubeconfig }, io)) {
    throw new UsageError("neither --manifests nor --kubeconfig says what to look at");
  }
  const cluster = findCluster(kubeconfig, io.env);
  const client = new KubeClient(httpTransport(cluster), "twill");
  const all = [namespaces, nodes, pods, services, endpointSlices, networkPolicies] as readonly Resource[];
  try {
    const lists = await Promise.all([
      ...all.map((resource) => client.listAll(resource).then(({ items }) => items)),
      listUnless(client, clusterNetworkPolicies, "NotFound"),
      ...superseded.map((resource) => listUnless(client, resource, "NotFound", "Forbidden")),
    ]);
    return lists.flat();
  } catch (cause) {
    throw new UnansweredError(`Cannot read the cluster at ${cluster.server}: ${messageOf(cause)}`, { cause });
  }
}

/** Nothing where the API server refuses for one of these reasons. */
async function listUnless(
  client: KubeClient,
  resource: Resource,
  ...reasons: readonly StatusReason[]
): Promise<readonly KubeObject[]> {
  try {
    return (await client.listAll(resource)).items;
  } catch (error) {
    if (hasReason(error, ...reasons)) return [];
    throw error;
  }
}
