// The scheduler: a node for each pod that has none.

import type { Node, Pod } from "#kube/kinds.ts";
import { apiVersionOf, nodes, pods, type Resource } from "#kube/resource.ts";
import { timestamp } from "#kube/time.ts";
import type { Controller } from "#lab/controllers/controller.ts";
import { create, type Operation, patchStatus } from "#lab/controllers/operation.ts";
import { byAge, isTerminating } from "#lab/controllers/owner.ts";
import { conditionOf, isActive, isFinished } from "#lab/controllers/pod-state.ts";
import { type Candidate, candidateOf, withPod } from "./candidate.ts";
import { refusal } from "./filter.ts";
import { best } from "./score.ts";

const name = "default-scheduler";

/** All pods are one plan: each sees where the ones before it go. */
export const schedulerController: Controller = {
  name: "scheduler",
  keys: (kind, object) => {
    if (kind === "nodes") return ["all"];
    if (kind !== "pods") return [];
    // A pod that ends, like one that comes, may let others start.
    return isWaiting(object as Pod) || !isActive(object as Pod) ? ["all"] : [];
  },
  plan: (_, view, nowMs) => ({ operations: planScheduling([...view.pods.values()], [...view.nodes.values()], nowMs) }),
};

function isWaiting(pod: Pod): boolean {
  const { nodeName, schedulerName = name, schedulingGates = [] } = pod.spec ?? { containers: [] };
  return nodeName === undefined && schedulerName === name && schedulingGates.length === 0 && isActive(pod);
}

/** A binding for each waiting pod that fits somewhere, a condition that says why not for each other. */
export function planScheduling(all: readonly Pod[], nodesThere: readonly Node[], nowMs: number): readonly Operation[] {
  const waiting = all.filter(isWaiting).sort(byPriority);
  if (waiting.length === 0) return [];
  const byNode = Map.groupBy(
    all.filter((pod) => !isFinished(pod)),
    ({ spec }) => spec?.nodeName ?? "",
  );
  let candidates = nodesThere
    .filter((node) => !isTerminating(node))
    .map((node) => candidateOf(node, byNode.get(node.metadata.name) ?? []));
  const operations: Operation[] = [];
  for (const pod of waiting) {
    const refusals = candidates.map((candidate) => refusal(pod, candidate, candidates));
    const fitting = candidates.filter((_, index) => refusals[index] === undefined);
    const chosen = best(pod, fitting, candidates);
    if (chosen === undefined) operations.push(...explain(pod, refusals, nowMs));
    else {
      operations.push(bind(pod, chosen));
      candidates = candidates.map((candidate) => (candidate === chosen ? withPod(chosen, pod) : candidate));
    }
  }
  return operations;
}

function byPriority(a: Pod, b: Pod): number {
  return (b.spec?.priority ?? 0) - (a.spec?.priority ?? 0) || byAge(a, b);
}

function bind(pod: Pod, { node }: Candidate): Operation {
  const { namespace = "", name: podName, uid = "" } = pod.metadata;
  const target = { apiVersion: apiVersionOf(nodes), kind: nodes.kind, name: node.metadata.name };
  const binding = { metadata: { namespace, name: podName, uid }, target };
  const resource: Resource<typeof binding> = { ...pods, kind: "Binding" } as Resource<never>;
  return { ...create(resource, binding, node.metadata.name), subresource: "binding" } as Operation;
}

/** `0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu.` */
function explain(pod: Pod, refusals: readonly (string | undefined)[], nowMs: number): readonly Operation[] {
  const counts = [...Map.groupBy(refusals, (reason) => reason ?? "")].map(
    ([reason, same]) => `${same.length} ${reason}`,
  );
  const message =
    refusals.length === 0
      ? "no nodes available to schedule pods"
      : `0/${refusals.length} nodes are available: ${counts.sort().join(", ")}.`;
  const before = conditionOf(pod, "PodScheduled");
  if (before?.message === message) return [];
  const condition = {
    type: "PodScheduled",
    status: "False",
    reason: "Unschedulable",
    message,
    lastTransitionTime: before?.status === "False" ? before.lastTransitionTime : timestamp(nowMs),
  };
  const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== "PodScheduled");
  return [patchStatus(pods, pod, { conditions: [...others, condition] }, message)];
}
