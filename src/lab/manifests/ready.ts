// Whether what was loaded has come to be: workloads with all their pods ready, jobs done.

import type { KubeClient } from "#kube/client.ts";
import type { DaemonSet, Deployment, Job, Pod, ReplicaSet, StatefulSet } from "#kube/kinds.ts";
import type { KubeObject } from "#kube/object.ts";
import type { Resource } from "#kube/resource.ts";
import type { Loaded } from "./load.ts";

/** How far a workload is: it is there when `ready` reaches `wanted`. */
export type Progress = { readonly ready: number; readonly wanted: number };

/** What waiting for an object takes; undefined for kinds that are there when they are written. */
export function progressOf(object: KubeObject): Progress | undefined {
  return progresses[object.kind]?.(object);
}

// The kind says which type the object has.
const progresses: Readonly<Record<string, (object: KubeObject) => Progress>> = {
  Deployment: (object) => {
    const { metadata, spec, status } = object as unknown as Deployment;
    const current = status?.observedGeneration === metadata.generation;
    const ready = Math.min(status?.updatedReplicas ?? 0, status?.availableReplicas ?? 0);
    return { ready: current ? ready : 0, wanted: spec?.replicas ?? 1 };
  },
  StatefulSet: (object) => {
    const { metadata, spec, status } = object as unknown as StatefulSet;
    const current = status?.observedGeneration === metadata.generation;
    const ready = Math.min(status?.updatedReplicas ?? 0, status?.readyReplicas ?? 0);
    return { ready: current ? ready : 0, wanted: spec?.replicas ?? 1 };
  },
  DaemonSet: (object) => {
    const { metadata, status } = object as unknown as DaemonSet;
    if (status?.observedGeneration !== metadata.generation) return { ready: 0, wanted: 1 };
    return {
      ready: Math.min(status?.updatedNumberScheduled ?? 0, status?.numberReady ?? 0),
      wanted: status?.desiredNumberScheduled ?? 0,
    };
  },
  ReplicaSet: (object) => {
    const { spec, status } = object as unknown as ReplicaSet;
    return { ready: status?.readyReplicas ?? 0, wanted: spec?.replicas ?? 1 };
  },
  Job: (object) => {
    const { spec, status } = object as unknown as Job;
    return { ready: status?.succeeded ?? 0, wanted: spec?.completions ?? 1 };
  },
  Pod: (object) => {
    const { status } = object as unknown as Pod;
    const ready = (status?.conditions ?? []).some((each) => each.type === "Ready" && each.status === "True");
    return { ready: ready || status?.phase === "Succeeded" ? 1 : 0, wanted: 1 };
  },
};

/** An object that is not there yet. */
export type Unready = Progress & { readonly object: KubeObject; readonly resource: Resource };

/** Reads what was loaded again and returns what is not there yet. @throws KubeError */
export async function unready(
  client: KubeClient,
  loaded: readonly Pick<Loaded, "object" | "resource">[],
): Promise<readonly Unready[]> {
  const awaited = loaded.filter(({ object }) => progressOf(object) !== undefined);
  const now = await Promise.all(
    awaited.map(async ({ object: { metadata }, resource }) => {
      const object = await client.get(resource, { namespace: metadata.namespace, name: metadata.name ?? "" });
      return { object, resource, ...(progressOf(object) ?? { ready: 0, wanted: 0 }) };
    }),
  );
  return now.filter(({ ready, wanted }) => ready < wanted);
}
