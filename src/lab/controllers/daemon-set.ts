// DaemonSets: one pod on each node that fits.

import type { PodSpec, Toleration } from "kubernetes-types/core/v1";
import type { DaemonSet, Node, Pod } from "#kube/kinds.ts";
import { daemonSets, pods } from "#kube/resource.ts";
import { planClaims } from "./claims.ts";
import { type Controller, keysOfOwner, nothing, type Plan } from "./controller.ts";
import { fitsNode } from "./node-match.ts";
import { create, type Operation, remove, reportStatus } from "./operation.ts";
import { byAge, isTerminating } from "./owner.ts";
import { availableInMs, isActive, isFinished, isReady } from "./pod-state.ts";
import { podFrom } from "./pod-template.ts";
import { planRevisions, revisionLabel, revisionNameOf } from "./revision.ts";
import { resolveShare } from "./rolling.ts";
import { untolerated } from "./taints.ts";

const ownKeys = keysOfOwner("daemonSets", "DaemonSet", ["pods", "controllerRevisions"]);

export const daemonSetController: Controller = {
  name: "daemonset",
  keys: (kind, object, view) => (kind === "nodes" ? [...view.daemonSets.keys()] : ownKeys(kind, object, view)),
  plan: (key, view, nowMs) => {
    const set = view.daemonSets.get(key);
    if (set === undefined || isTerminating(set)) return nothing;
    const owned = view.podsOf(set.metadata.uid);
    const orphans = view.freePodsIn(set.metadata.namespace);
    const claims = planClaims({ ownerResource: daemonSets, owner: set, resource: pods, owned, orphans });
    if (claims.length > 0) return { operations: claims };
    const used = new Set(owned.map(({ metadata }) => metadata.labels?.[revisionLabel]));
    const revisions = planRevisions(daemonSets, set, view.controllerRevisions.values(), used);
    const { operations, againMs } = planDaemonSet(set, [...view.nodes.values()], owned, nowMs);
    return { operations: [...revisions, ...operations], againMs };
  },
};

// Conditions of a node that must not keep its daemons away (Kubernetes documentation, "DaemonSet", tolerations).
const ownTolerations: readonly Toleration[] = [
  { key: "node.kubernetes.io/not-ready", operator: "Exists", effect: "NoExecute" },
  { key: "node.kubernetes.io/unreachable", operator: "Exists", effect: "NoExecute" },
  { key: "node.kubernetes.io/disk-pressure", operator: "Exists", effect: "NoSchedule" },
  { key: "node.kubernetes.io/memory-pressure", operator: "Exists", effect: "NoSchedule" },
  { key: "node.kubernetes.io/pid-pressure", operator: "Exists", effect: "NoSchedule" },
  { key: "node.kubernetes.io/unschedulable", operator: "Exists", effect: "NoSchedule" },
];
const hostNetworkToleration: Toleration = {
  key: "node.kubernetes.io/network-unavailable",
  operator: "Exists",
  effect: "NoSchedule",
};

/** The pods to make and remove now, and the status. */
export function planDaemonSet(set: DaemonSet, nodes: readonly Node[], owned: readonly Pod[], nowMs: number): Plan {
  const spec: PodSpec = set.spec?.template.spec ?? { containers: [] };
  const tolerations = tolerationsOf(spec);
  const byNode = Map.groupBy([...owned].sort(byAge), targetOf);
  const minReadySeconds = set.spec?.minReadySeconds ?? 0;
  const fits = (node: Node) => fitsNode(spec, node);
  const starts = (node: Node) => fits(node) && untolerated(node.spec?.taints, tolerations).length === 0;
  const stays = (node: Node) => fits(node) && untolerated(node.spec?.taints, tolerations, ["NoExecute"]).length === 0;
  const revision = revisionNameOf(set);

  const operations: Operation[] = [];
  for (const node of nodes) {
    const { name } = node.metadata;
    const here = byNode.get(name) ?? [];
    const [kept, ...twice] = here.filter(isActive);
    const ended = here.filter((pod) => isFinished(pod) && !isTerminating(pod));
    operations.push(...ended.map((pod) => remove(pods, pod, "it has ended")));
    operations.push(...twice.map((pod) => remove(pods, pod, "the node has one already")));
    if (kept !== undefined && !stays(node)) operations.push(remove(pods, kept, "the node no longer fits"));
    // A pod that still ends keeps its ports: the next one comes when it is gone.
    else if (here.length === 0 && starts(node))
      operations.push(create(pods, podOn(set, name, tolerations, revision), `node ${name}`));
  }

  const running = owned.filter(isActive);
  const waits = running.map((pod) => availableInMs(pod, minReadySeconds, nowMs)).filter((wait) => wait !== undefined);
  const available = waits.filter((wait) => wait === 0).length;
  const desired = nodes.filter((node) => starts(node) || (stays(node) && byNode.has(node.metadata.name)));
  const onDesired = running.filter((pod) => desired.some(({ metadata }) => metadata.name === targetOf(pod)));
  const outdated = running.filter(({ metadata }) => metadata.labels?.[revisionLabel] !== revision);
  operations.push(...replace(set, outdated, desired.length, available));

  const status = {
    observedGeneration: set.metadata.generation ?? 0,
    desiredNumberScheduled: desired.length,
    currentNumberScheduled: onDesired.length,
    numberMisscheduled: running.length - onDesired.length,
    numberReady: running.filter(isReady).length,
    numberAvailable: available,
    numberUnavailable: Math.max(0, desired.length - available),
    updatedNumberScheduled: running.length - outdated.length,
  };
  operations.push(...reportStatus(daemonSets, set, status, `${status.numberReady} of ${desired.length} ready`));
  const later = waits.filter((wait) => wait > 0);
  return { operations, againMs: later.length === 0 ? undefined : Math.min(...later) };
}

/** Pods of an old template go as long as enough others are available; those that are not go at once. */
function replace(set: DaemonSet, outdated: readonly Pod[], desired: number, available: number): readonly Operation[] {
  if (set.spec?.updateStrategy?.type === "OnDelete") return [];
  const share = set.spec?.updateStrategy?.rollingUpdate?.maxUnavailable ?? 1;
  const unavailable = Math.max(1, resolveShare(share, desired, "up"));
  const spare = Math.max(0, available - (desired - unavailable));
  const broken = outdated.filter((pod) => !isReady(pod));
  const healthy = outdated.filter(isReady).slice(0, spare);
  return [...broken, ...healthy].map((pod) => remove(pods, pod, "its template has changed"));
}

function tolerationsOf({ tolerations = [], hostNetwork }: PodSpec): readonly Toleration[] {
  return [...tolerations, ...ownTolerations, ...(hostNetwork === true ? [hostNetworkToleration] : [])];
}

/** The scheduler puts the pod where this affinity says. */
function podOn(set: DaemonSet, node: string, tolerations: readonly Toleration[], revision: string) {
  const template = set.spec?.template ?? {};
  const spec = template.spec ?? { containers: [] };
  const nodeSelectorTerms = [{ matchFields: [{ key: "metadata.name", operator: "In", values: [node] }] }];
  const nodeAffinity = {
    ...spec.affinity?.nodeAffinity,
    requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms },
  };
  const placed = {
    ...template,
    spec: { ...spec, tolerations: [...tolerations], affinity: { ...spec.affinity, nodeAffinity } },
  };
  return podFrom(daemonSets, set, placed, { labels: { [revisionLabel]: revision } });
}

/** The node that a pod of a DaemonSet is for, also before it is scheduled. */
function targetOf({ spec }: Pod): string {
  if (spec?.nodeName !== undefined) return spec.nodeName;
  const required = spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required?.nodeSelectorTerms[0]?.matchFields?.[0]?.values?.[0] ?? "";
}
