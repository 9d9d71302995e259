// The numbers of a rolling update: percentages resolved, and how far each set may go now.

import type { ReplicaSet } from "#kube/kinds.ts";

/** A number, or a percentage of `total`, rounded up or down. */
export function resolveShare(share: number | string | undefined, total: number, round: "up" | "down"): number {
  if (typeof share !== "string") return share ?? 0;
  const part = (Number.parseFloat(share) * total) / 100;
  return round === "up" ? Math.ceil(part) : Math.floor(part);
}

/** What a rolling update may add and lack, in pods. Never both 0: it would not move. */
export function limitsOf(
  replicas: number,
  { maxSurge = "25%", maxUnavailable = "25%" }: { maxSurge?: number | string; maxUnavailable?: number | string } = {},
): { readonly surge: number; readonly unavailable: number } {
  const surge = resolveShare(maxSurge, replicas, "up");
  const unavailable = Math.min(resolveShare(maxUnavailable, replicas, "down"), replicas);
  return surge === 0 && unavailable === 0 ? { surge: 0, unavailable: 1 } : { surge, unavailable };
}

export type Scale = { readonly set: ReplicaSet; readonly replicas: number };

/**
 * The sizes that a rolling update gives its sets now. The new set grows while the total stays within the surge; old sets
 * shrink as long as enough pods are available, first by those that are not
 * (Kubernetes documentation, "Deployments", rolling update).
 */
export function rollOut(
  replicas: number,
  current: ReplicaSet,
  old: readonly ReplicaSet[],
  limits: ReturnType<typeof limitsOf>,
): readonly Scale[] {
  const sizeOf = (set: ReplicaSet) => set.spec?.replicas ?? 0;
  const availableOf = (set: ReplicaSet) => Math.min(set.status?.availableReplicas ?? 0, sizeOf(set));
  const total = [current, ...old].reduce((sum, set) => sum + sizeOf(set), 0);
  const room = replicas + limits.surge - total;
  const grown = Math.min(replicas, sizeOf(current) + Math.max(0, room));
  const size = sizeOf(current) > replicas ? replicas : grown;
  const scales: Scale[] = size === sizeOf(current) ? [] : [{ set: current, replicas: size }];

  // Pods that are not available may go at once; of the others as many as leave enough.
  const available = [current, ...old].reduce((sum, set) => sum + availableOf(set), 0);
  let spare = Math.max(0, available - (replicas - limits.unavailable));
  // What the new set still lacks counts as missing: its pods may never become available.
  const minimum = replicas - limits.unavailable;
  let removable = Math.max(0, total - minimum - (sizeOf(current) - availableOf(current)));
  for (const set of old) {
    const broken = Math.min(sizeOf(set) - availableOf(set), removable);
    const healthy = Math.min(availableOf(set), spare, removable - broken);
    removable -= broken + healthy;
    spare -= healthy;
    if (broken + healthy > 0) scales.push({ set, replicas: sizeOf(set) - broken - healthy });
  }
  return scales;
}
