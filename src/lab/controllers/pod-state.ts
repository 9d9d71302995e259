// What controllers ask of a pod: does it count, is it ready, since when.

import type { Pod } from "#kube/kinds.ts";
import { isTerminating } from "./owner.ts";

export function conditionOf(pod: Pod, type: string) {
  return pod.status?.conditions?.find((condition) => condition.type === type);
}

export function isReady(pod: Pod): boolean {
  return conditionOf(pod, "Ready")?.status === "True";
}

export function isFinished(pod: Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}

/** A pod that its controller counts: it runs or will, and nobody has asked it to go. */
export function isActive(pod: Pod): boolean {
  return !isFinished(pod) && !isTerminating(pod);
}

/** Milliseconds until a ready pod counts as available; 0 when it does, undefined while it is not ready. */
export function availableInMs(pod: Pod, minReadySeconds: number, nowMs: number): number | undefined {
  const ready = conditionOf(pod, "Ready");
  if (ready?.status !== "True") return undefined;
  if (minReadySeconds === 0) return 0;
  const sinceMs = Date.parse(ready.lastTransitionTime ?? "");
  return Math.max(0, sinceMs + minReadySeconds * 1000 - nowMs);
}

/** How many of some pods are ready and available, and when the next one will be available. */
export function countPods(pods: readonly Pod[], minReadySeconds: number, nowMs: number) {
  const waits = pods.map((pod) => availableInMs(pod, minReadySeconds, nowMs)).filter((wait) => wait !== undefined);
  const later = waits.filter((wait) => wait > 0);
  return {
    ready: waits.length,
    available: waits.length - later.length,
    againMs: later.length === 0 ? undefined : Math.min(...later),
  };
}
