// Taints of nodes and what pods tolerate.

import type { Taint, Toleration } from "kubernetes-types/core/v1";

/** Whether a toleration covers a taint (Kubernetes documentation, "Taints and Tolerations"). */
export function tolerates({ key, operator, value, effect }: Toleration, taint: Taint): boolean {
  if (effect !== undefined && effect !== "" && effect !== taint.effect) return false;
  if (operator === "Exists") return key === undefined || key === "" || key === taint.key;
  return key === taint.key && (value ?? "") === (taint.value ?? "");
}

/** The taints that no toleration covers, of those with one of the effects. */
export function untolerated(
  taints: readonly Taint[] = [],
  tolerations: readonly Toleration[] = [],
  effects: readonly string[] = ["NoSchedule", "NoExecute"],
): readonly Taint[] {
  return taints.filter(
    (taint) => effects.includes(taint.effect) && !tolerations.some((toleration) => tolerates(toleration, taint)),
  );
}
