// Whether a node is one that a pod's selector and node affinity ask for.

import type { NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PodSpec } from "kubernetes-types/core/v1";
import type { Node } from "#kube/kinds.ts";
import { matchesLabels } from "#kube/selector.ts";

/** Whether the node has the pod's `nodeSelector` and meets its required node affinity. */
export function fitsNode(spec: Pick<PodSpec, "nodeSelector" | "affinity">, node: Node): boolean {
  const labels = node.metadata.labels ?? {};
  const selected = Object.entries(spec.nodeSelector ?? {}).every(([key, value]) => labels[key] === value);
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return selected && (required === undefined || matchesNodeSelector(required, node));
}

/** Terms are alternatives; a term without any requirement matches nothing. */
function matchesNodeSelector({ nodeSelectorTerms }: NodeSelector, node: Node): boolean {
  return nodeSelectorTerms.some((term) => matchesTerm(term, node));
}

export function matchesTerm({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, node: Node): boolean {
  if (matchExpressions.length + matchFields.length === 0) return false;
  const fields = { "metadata.name": node.metadata.name };
  return (
    matchExpressions.every((requirement) => meets(requirement, node.metadata.labels ?? {})) &&
    matchFields.every((requirement) => meets(requirement, fields))
  );
}

function meets(
  { key, operator, values = [] }: NodeSelectorRequirement,
  labels: Readonly<Record<string, string>>,
): boolean {
  const set = (["In", "NotIn", "Exists", "DoesNotExist"] as const).find((each) => each === operator);
  if (set !== undefined) return matchesLabels([{ key, operator: set, values }], labels);
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  if (value === undefined) return false;
  return operator === "Gt" ? Number(value) > Number(values[0]) : operator === "Lt" && Number(value) < Number(values[0]);
}
