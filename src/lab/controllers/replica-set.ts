// ReplicaSets: as many pods of a template as asked for.

import type { Pod, ReplicaSet } from "#kube/kinds.ts";
import { pods, replicaSets } from "#kube/resource.ts";
import { planClaims } from "./claims.ts";
import { type Controller, keysOfOwner, nothing, type Plan } from "./controller.ts";
import { create, type Operation, remove, reportStatus } from "./operation.ts";
import { isTerminating } from "./owner.ts";
import { countPods, isActive, isReady } from "./pod-state.ts";
import { podFrom } from "./pod-template.ts";

export const replicaSetController: Controller = {
  name: "replicaset",
  keys: keysOfOwner("replicaSets", "ReplicaSet", ["pods"]),
  plan: (key, view, nowMs) => {
    const set = view.replicaSets.get(key);
    if (set === undefined) return nothing;
    const { uid, namespace } = set.metadata;
    const owned = view.podsOf(uid);
    const orphans = isTerminating(set) ? [] : view.freePodsIn(namespace);
    const claims = planClaims({ ownerResource: replicaSets, owner: set, resource: pods, owned, orphans });
    return claims.length > 0 ? { operations: claims } : planReplicaSet(set, owned, nowMs);
  },
};

/** Pods to make or remove until the set has as many as it wants, and its status. */
export function planReplicaSet(set: ReplicaSet, owned: readonly Pod[], nowMs: number): Plan {
  const active = owned.filter(isActive);
  const wanted = set.spec?.replicas ?? 1;
  const counts = countPods(active, set.spec?.minReadySeconds ?? 0, nowMs);
  const status = {
    replicas: active.length,
    fullyLabeledReplicas: active.filter((pod) => hasLabels(pod, set.spec?.template?.metadata?.labels)).length,
    readyReplicas: counts.ready,
    availableReplicas: counts.available,
    observedGeneration: set.metadata.generation ?? 0,
  };
  const scaling = isTerminating(set) ? [] : scale(set, active, wanted);
  const reporting = reportStatus(replicaSets, set, status, `${counts.ready} of ${wanted} ready`);
  return { operations: [...scaling, ...reporting], againMs: counts.againMs };
}

function scale(set: ReplicaSet, active: readonly Pod[], wanted: number): readonly Operation[] {
  const why = `${active.length} of ${wanted} ${active.length === 1 ? "is" : "are"} there`;
  const template = set.spec?.template ?? {};
  if (active.length < wanted) {
    return Array.from({ length: wanted - active.length }, () => create(pods, podFrom(replicaSets, set, template), why));
  }
  return leastWanted(active)
    .slice(0, active.length - wanted)
    .map((pod) => remove(pods, pod, why));
}

/**
 * Pods in the order in which they may go: without a node first, then those that do not run, are not ready, cost least
 * by annotation, share their node with more of their kind, are young
 * (Kubernetes documentation, "ReplicaSet", scaling).
 */
function leastWanted(active: readonly Pod[]): readonly Pod[] {
  const onNode = Map.groupBy(active, (pod) => pod.spec?.nodeName ?? "");
  const rank = (pod: Pod) => [
    pod.spec?.nodeName === undefined ? 0 : 1,
    pod.status?.phase === "Running" ? 1 : 0,
    isReady(pod) ? 1 : 0,
    Number(pod.metadata.annotations?.["controller.kubernetes.io/pod-deletion-cost"] ?? 0),
    -(onNode.get(pod.spec?.nodeName ?? "")?.length ?? 0),
    -Date.parse(pod.metadata.creationTimestamp ?? ""),
  ];
  return active
    .map((pod) => ({ pod, rank: rank(pod) }))
    .sort(
      (a, b) => compareRanks(a.rank, b.rank) || ((a.pod.metadata.name ?? "") < (b.pod.metadata.name ?? "") ? -1 : 1),
    )
    .map(({ pod }) => pod);
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}

function hasLabels(pod: Pod, labels: Readonly<Record<string, string>> = {}): boolean {
  return Object.entries(labels).every(([key, value]) => pod.metadata.labels?.[key] === value);
}
