// PodDisruptionBudgets: how many of the pods they speak of may be evicted now.

import type { Pod, PodDisruptionBudget } from "#kube/kinds.ts";
import { podDisruptionBudgets } from "#kube/resource.ts";
import { matchesLabels, selectorOf } from "#kube/selector.ts";
import type { Controller } from "./controller.ts";
import { type Operation, reportStatus } from "./operation.ts";
import { controllerOf } from "./owner.ts";
import { isActive, isReady } from "./pod-state.ts";
import { resolveShare } from "./rolling.ts";
import type { ClusterView } from "./view.ts";

export const disruptionBudgetController: Controller = {
  name: "disruption",
  keys: (kind, { metadata }, view) => {
    if (kind === "podDisruptionBudgets") return [`${metadata.namespace}/${metadata.name}`];
    if (kind !== "pods") return [];
    const inNamespace = [...view.podDisruptionBudgets.values()].filter(
      (budget) => budget.metadata.namespace === metadata.namespace && speaksOf(budget, metadata.labels),
    );
    return inNamespace.map((budget) => `${budget.metadata.namespace}/${budget.metadata.name}`);
  },
  plan: (key, view) => {
    const budget = view.podDisruptionBudgets.get(key);
    if (budget === undefined) return { operations: [] };
    const pods = view.podsIn(budget.metadata.namespace).filter(({ metadata }) => speaksOf(budget, metadata.labels));
    return { operations: planBudget(budget, pods.filter(isActive), expectedOf(pods, view)) };
  },
};

function speaksOf({ spec }: PodDisruptionBudget, labels: Readonly<Record<string, string>> = {}): boolean {
  return spec?.selector !== undefined && matchesLabels(selectorOf(spec.selector), labels);
}

/** How many pods their controllers want: of pods without a controller, those that are there. */
function expectedOf(pods: readonly Pod[], view: ClusterView): number {
  const sets = [...view.replicaSets.values(), ...view.statefulSets.values()];
  const byOwner = Map.groupBy(pods, (pod) => controllerOf(pod)?.uid);
  return [...byOwner].reduce((sum, [uid, members]) => {
    const owner = uid === undefined ? undefined : sets.find(({ metadata }) => metadata.uid === uid);
    return sum + (owner?.spec?.replicas ?? members.length);
  }, 0);
}

/** The status of a budget over the pods that are active. */
function planBudget(budget: PodDisruptionBudget, active: readonly Pod[], expected: number): readonly Operation[] {
  const { minAvailable, maxUnavailable } = budget.spec ?? {};
  const desired =
    minAvailable === undefined
      ? Math.max(0, expected - resolveShare(maxUnavailable ?? 0, expected, "up"))
      : resolveShare(minAvailable, expected, "up");
  const healthy = active.filter(isReady).length;
  const allowed = Math.max(0, healthy - desired);
  const status = {
    observedGeneration: budget.metadata.generation ?? 0,
    currentHealthy: healthy,
    desiredHealthy: desired,
    expectedPods: expected,
    disruptionsAllowed: allowed,
  };
  return reportStatus(podDisruptionBudgets, budget, status, `${allowed} may go`);
}
