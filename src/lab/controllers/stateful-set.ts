// StatefulSets: pods with names and an order, made, updated and removed one after the other.

import type { Pod, StatefulSet } from "#kube/kinds.ts";
import { pods, statefulSets } from "#kube/resource.ts";
import { planClaims } from "./claims.ts";
import { type Controller, keysOfOwner, nothing, type Plan } from "./controller.ts";
import { create, type Operation, remove, reportStatus } from "./operation.ts";
import { isTerminating } from "./owner.ts";
import { availableInMs, countPods, isFinished, isReady } from "./pod-state.ts";
import { podFrom } from "./pod-template.ts";
import { planRevisions, revisionLabel, revisionNameOf } from "./revision.ts";

export const statefulSetController: Controller = {
  name: "statefulset",
  keys: keysOfOwner("statefulSets", "StatefulSet", ["pods", "controllerRevisions"]),
  plan: (key, view, nowMs) => {
    const set = view.statefulSets.get(key);
    if (set === undefined || isTerminating(set)) return nothing;
    const owned = view.podsOf(set.metadata.uid);
    const orphans = view.freePodsIn(set.metadata.namespace).filter((pod) => isNamedBy(set, pod));
    const claims = planClaims({ ownerResource: statefulSets, owner: set, resource: pods, owned, orphans });
    if (claims.length > 0) return { operations: claims };
    const used = new Set(owned.map(({ metadata }) => metadata.labels?.[revisionLabel]));
    const revisions = planRevisions(statefulSets, set, view.controllerRevisions.values(), used);
    const { operations, againMs } = planStatefulSet(set, owned, nowMs);
    return { operations: [...revisions, ...operations], againMs };
  },
};

/** The pods to make or remove now, and the status. */
export function planStatefulSet(set: StatefulSet, owned: readonly Pod[], nowMs: number): Plan {
  const wanted = set.spec?.replicas ?? 1;
  const minReadySeconds = set.spec?.minReadySeconds ?? 0;
  const revision = revisionNameOf(set);
  const live = owned.filter((pod) => !isTerminating(pod));
  const counts = countPods(live, minReadySeconds, nowMs);
  const updated = live.filter(({ metadata }) => metadata.labels?.[revisionLabel] === revision).length;
  const complete = updated === wanted && live.length === wanted && counts.ready === wanted;
  const currentRevision = complete ? revision : (set.status?.currentRevision ?? revision);
  const status = {
    observedGeneration: set.metadata.generation ?? 0,
    replicas: live.length,
    readyReplicas: counts.ready,
    availableReplicas: counts.available,
    updatedReplicas: updated,
    currentReplicas: live.filter(({ metadata }) => metadata.labels?.[revisionLabel] === currentRevision).length,
    currentRevision,
    updateRevision: revision,
  };
  const why = `${counts.ready} of ${wanted} ready`;
  return {
    operations: [...step(set, owned, revision, nowMs), ...reportStatus(statefulSets, set, status, why)],
    againMs: counts.againMs,
  };
}

function step(set: StatefulSet, owned: readonly Pod[], revision: string, nowMs: number): readonly Operation[] {
  const wanted = set.spec?.replicas ?? 1;
  const start = set.spec?.ordinals?.start ?? 0;
  const parallel = set.spec?.podManagementPolicy === "Parallel";
  const settled = (pod: Pod) => !isTerminating(pod) && availableInMs(pod, set.spec?.minReadySeconds ?? 0, nowMs) === 0;
  const byOrdinal = new Map(owned.map((pod) => [ordinalOf(pod), pod]));
  const ordinals = Array.from({ length: wanted }, (_, index) => start + index);
  const operations: Operation[] = [];
  for (const ordinal of ordinals) {
    const pod = byOrdinal.get(ordinal);
    if (pod === undefined)
      operations.push(create(pods, podOf(set, ordinal, revision), `ordinal ${ordinal} of ${wanted}`));
    else if (isFinished(pod) && !isTerminating(pod)) operations.push(remove(pods, pod, "it has ended"));
    // In order: the next pod waits for this one.
    if (!parallel && (pod === undefined || !settled(pod))) return operations;
  }
  const surplus = [...byOrdinal.entries()]
    .filter(([ordinal]) => ordinal < start || ordinal >= start + wanted)
    .sort(([a], [b]) => b - a)
    .map(([, pod]) => pod);
  const going = parallel ? surplus : surplus.slice(0, 1);
  operations.push(...going.filter((pod) => !isTerminating(pod)).map((pod) => remove(pods, pod, `${wanted} wanted`)));
  if (operations.length > 0 || surplus.length > 0) return operations;
  return update(set, ordinals, byOrdinal, revision);
}

/** The highest ordinal that has another template, once all above it are ready; those below the partition stay. */
function update(
  set: StatefulSet,
  ordinals: readonly number[],
  byOrdinal: ReadonlyMap<number, Pod>,
  revision: string,
): readonly Operation[] {
  if (set.spec?.updateStrategy?.type === "OnDelete") return [];
  const partition = set.spec?.updateStrategy?.rollingUpdate?.partition ?? 0;
  for (const ordinal of [...ordinals].reverse()) {
    if (ordinal < partition) return [];
    const pod = byOrdinal.get(ordinal);
    if (pod === undefined || isTerminating(pod)) return [];
    if (pod.metadata.labels?.[revisionLabel] !== revision) return [remove(pods, pod, "its template has changed")];
    if (!isReady(pod)) return [];
  }
  return [];
}

function ordinalOf(pod: Pod): number {
  return Number(/-(\d+)$/.exec(pod.metadata.name)?.[1] ?? -1);
}

function isNamedBy({ metadata: { name } }: StatefulSet, pod: Pod): boolean {
  return pod.metadata.name === `${name}-${ordinalOf(pod)}`;
}

function podOf(set: StatefulSet, ordinal: number, revision: string) {
  const name = `${set.metadata.name}-${ordinal}`;
  const template = set.spec?.template ?? {};
  // Each claim template is a claim of its own per pod, by the name that Kubernetes gives it.
  const claims = (set.spec?.volumeClaimTemplates ?? []).map(({ metadata }) => ({
    name: metadata?.name ?? "",
    persistentVolumeClaim: { claimName: `${metadata?.name}-${name}` },
  }));
  const spec = template.spec ?? { containers: [] };
  const named = {
    ...template,
    spec: {
      ...spec,
      hostname: name,
      ...(set.spec?.serviceName === undefined ? {} : { subdomain: set.spec.serviceName }),
      volumes: [...(spec.volumes ?? []), ...claims],
    },
  };
  const labels = {
    [revisionLabel]: revision,
    "statefulset.kubernetes.io/pod-name": name,
    "apps.kubernetes.io/pod-index": String(ordinal),
  };
  return podFrom(statefulSets, set, named, { name, labels });
}
