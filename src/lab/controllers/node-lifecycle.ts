// Nodes that no longer answer: their condition, their taints, and the pods that must leave them.

import type { NodeCondition, Taint } from "kubernetes-types/core/v1";
import { sameJson } from "#base/same-json.ts";
import type { Lease, Node, Pod } from "#kube/kinds.ts";
import { nodes, pods } from "#kube/resource.ts";
import { timestamp } from "#kube/time.ts";
import type { Controller, Plan } from "./controller.ts";
import { type Operation, patch, patchStatus, remove } from "./operation.ts";
import { isTerminating } from "./owner.ts";
import { isFinished } from "./pod-state.ts";
import { tolerates } from "./taints.ts";

/** A node that has not renewed its lease for so long is unreachable. Kubernetes' own default is 40 s. */
export type Patience = { readonly graceMs: number };

export const leaseNamespace = "kube-node-lease";

export function nodeLifecycleController({ graceMs }: Patience): Controller {
  return {
    name: "nodelifecycle",
    keys: (kind, object) => {
      if (kind === "nodes") return [object.metadata.name ?? ""];
      if (kind === "leases") return object.metadata.namespace === leaseNamespace ? [object.metadata.name ?? ""] : [];
      const nodeName = kind === "pods" ? (object as Pod).spec?.nodeName : undefined;
      return nodeName === undefined ? [] : [nodeName];
    },
    plan: (name, view, nowMs) => {
      const here = [...view.pods.values()].filter(({ spec }) => spec?.nodeName === name);
      const node = view.nodes.get(name);
      return node === undefined
        ? { operations: here.map((pod) => remove(pods, pod, `node ${name} is gone`, { gracePeriodSeconds: 0 })) }
        : planNode(node, view.leases.get(`${leaseNamespace}/${name}`), here, graceMs, nowMs);
    },
  };
}

const notReady = "node.kubernetes.io/not-ready";
const unreachable = "node.kubernetes.io/unreachable";
const unschedulable = "node.kubernetes.io/unschedulable";
const ownKeys = [notReady, unreachable, unschedulable];

/** The node's conditions and taints as its lease says, and the evictions that are due. */
export function planNode(
  node: Node,
  lease: Lease | undefined,
  here: readonly Pod[],
  graceMs: number,
  nowMs: number,
): Plan {
  const seen = lease?.spec?.renewTime ?? node.metadata.creationTimestamp ?? timestamp(nowMs);
  const leftMs = Date.parse(seen) + graceMs - nowMs;
  const ready = node.status?.conditions?.find(({ type }) => type === "Ready");
  const silent = leftMs <= 0;
  const status = silent ? "Unknown" : (ready?.status ?? "Unknown");

  const taints = taintsOf(node, status, nowMs);
  const operations: Operation[] = [];
  if (silent && ready !== undefined && ready.status !== "Unknown") {
    const conditions = (node.status?.conditions ?? []).map((condition) => unknown(condition, nowMs));
    operations.push(patchStatus(nodes, node, { conditions }, "its kubelet is silent"));
  }
  if (!sameJson(withoutTimes(node.spec?.taints ?? []), withoutTimes(taints))) {
    operations.push(patch(nodes, node, { spec: { taints } }, `Ready is ${status}`));
  }
  if (silent) operations.push(...here.flatMap((pod) => markNotReady(pod, nowMs)));
  const evictions = here.map((pod) => evictionOf(pod, taints, nowMs));
  operations.push(...evictions.flatMap(({ operation }) => operation ?? []));
  const waits = evictions.flatMap(({ waitMs }) => waitMs ?? []);
  const againMs = Math.min(...waits, ...(silent ? [] : [leftMs + 1]));
  return { operations, againMs: againMs === Number.POSITIVE_INFINITY ? undefined : againMs };
}

function taintsOf(node: Node, status: string, nowMs: number): readonly Taint[] {
  const current = node.spec?.taints ?? [];
  const wanted: readonly (Omit<Taint, "timeAdded"> & { readonly timed: boolean })[] = [
    ...(status === "Unknown"
      ? [
          { key: unreachable, effect: "NoSchedule", timed: false },
          { key: unreachable, effect: "NoExecute", timed: true },
        ]
      : []),
    ...(status === "False"
      ? [
          { key: notReady, effect: "NoSchedule", timed: false },
          { key: notReady, effect: "NoExecute", timed: true },
        ]
      : []),
    ...(node.spec?.unschedulable === true ? [{ key: unschedulable, effect: "NoSchedule", timed: false }] : []),
  ];
  const own = wanted.map(({ key, effect, timed }): Taint => {
    const known = current.find((taint) => taint.key === key && taint.effect === effect);
    return known ?? { key, effect, ...(timed ? { timeAdded: timestamp(nowMs) } : {}) };
  });
  return [...current.filter(({ key }) => !ownKeys.includes(key)), ...own];
}

function withoutTimes(taints: readonly Taint[]): readonly Taint[] {
  return taints.map(({ timeAdded: _, ...taint }) => taint);
}

function unknown(condition: NodeCondition, nowMs: number): NodeCondition {
  if (condition.status === "Unknown") return condition;
  return {
    ...condition,
    status: "Unknown",
    reason: "NodeStatusUnknown",
    message: "Kubelet stopped posting node status.",
    lastTransitionTime: timestamp(nowMs),
  };
}

/** Nobody can say that a pod on a silent node is ready: services must leave it out. */
function markNotReady(pod: Pod, nowMs: number): readonly Operation[] {
  const ready = pod.status?.conditions?.find(({ type }) => type === "Ready");
  if (ready?.status !== "True") return [];
  const conditions = (pod.status?.conditions ?? []).map((condition) =>
    condition.type === "Ready"
      ? { ...condition, status: "False", reason: "NodeNotReady", lastTransitionTime: timestamp(nowMs) }
      : condition,
  );
  return [patchStatus(pods, pod, { conditions }, "its node is silent")];
}

/** A pod leaves at once when it does not tolerate a taint, or when the time for which it does is over. */
function evictionOf(
  pod: Pod,
  taints: readonly Taint[],
  nowMs: number,
): { readonly operation?: Operation; readonly waitMs?: number } {
  if (isTerminating(pod) || isFinished(pod)) return {};
  let dueMs = Number.POSITIVE_INFINITY;
  for (const taint of taints.filter(({ effect }) => effect === "NoExecute")) {
    const covering = (pod.spec?.tolerations ?? []).filter((toleration) => tolerates(toleration, taint));
    const limits = covering.flatMap(({ tolerationSeconds }) => tolerationSeconds ?? []);
    const sinceMs = taint.timeAdded === undefined ? nowMs : Date.parse(taint.timeAdded);
    if (covering.length === 0) dueMs = Math.min(dueMs, nowMs);
    else if (limits.length > 0) dueMs = Math.min(dueMs, sinceMs + Math.max(0, Math.min(...limits)) * 1000);
  }
  if (dueMs <= nowMs) return { operation: remove(pods, pod, "its node has a taint that it does not tolerate") };
  return dueMs === Number.POSITIVE_INFINITY ? {} : { waitMs: dueMs - nowMs };
}
