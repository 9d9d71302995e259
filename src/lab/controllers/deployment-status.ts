// The status of a deployment: counts, and the conditions that `kubectl rollout status` and `wait` read.

import type { Deployment, ReplicaSet } from "#kube/kinds.ts";
import { timestamp } from "#kube/time.ts";
import { limitsOf } from "./rolling.ts";

type Condition = {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
  readonly lastUpdateTime: string;
};

/** The status as it should be, and when a deadline must be looked at again. */
export function deploymentStatus(
  deployment: Deployment,
  current: ReplicaSet | undefined,
  sets: readonly ReplicaSet[],
  nowMs: number,
) {
  const wanted = deployment.spec?.replicas ?? 1;
  const sum = (count: (set: ReplicaSet) => number | undefined) => sets.reduce((all, set) => all + (count(set) ?? 0), 0);
  const replicas = sum((set) => set.status?.replicas);
  const availableReplicas = sum((set) => set.status?.availableReplicas);
  const counts = {
    observedGeneration: deployment.metadata.generation ?? 0,
    replicas,
    updatedReplicas: current?.status?.replicas ?? 0,
    readyReplicas: sum((set) => set.status?.readyReplicas),
    availableReplicas,
    unavailableReplicas: Math.max(0, Math.max(wanted, replicas) - availableReplicas),
  };
  const { condition: progressing, againMs } = progress(deployment, current, counts, nowMs);
  const minimum = wanted - limitsOf(wanted, deployment.spec?.strategy?.rollingUpdate).unavailable;
  const enough = availableReplicas >= minimum;
  const available = condition(deployment, nowMs, {
    type: "Available",
    status: enough ? "True" : "False",
    reason: enough ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
    message: `Deployment ${enough ? "has" : "does not have"} minimum availability.`,
  });
  return { status: { ...counts, conditions: [available, progressing] }, againMs };
}

type Counts = {
  readonly replicas: number;
  readonly updatedReplicas: number;
  readonly availableReplicas: number;
  readonly unavailableReplicas: number;
};

function progress(deployment: Deployment, current: ReplicaSet | undefined, counts: Counts, nowMs: number) {
  const wanted = deployment.spec?.replicas ?? 1;
  const name = current?.metadata.name ?? "";
  const say = (status: string, reason: string, message: string) =>
    condition(deployment, nowMs, { type: "Progressing", status, reason, message });
  if (deployment.spec?.paused === true) {
    return { condition: say("Unknown", "DeploymentPaused", "Deployment is paused"), againMs: undefined };
  }
  const { updatedReplicas, replicas, availableReplicas } = counts;
  if (updatedReplicas === wanted && replicas === wanted && availableReplicas === wanted) {
    const message = `ReplicaSet "${name}" has successfully progressed.`;
    return { condition: say("True", "NewReplicaSetAvailable", message), againMs: undefined };
  }
  const before = conditionOf(deployment, "Progressing");
  const deadlineMs = (deployment.spec?.progressDeadlineSeconds ?? 600) * 1000;
  const moved = before?.message !== `ReplicaSet "${name}" is progressing${progressOf(counts)}.`;
  const sinceMs = moved || before === undefined ? nowMs : Date.parse(before.lastUpdateTime);
  const leftMs = sinceMs + deadlineMs - nowMs;
  if (leftMs <= 0 || (!moved && before?.reason === "ProgressDeadlineExceeded")) {
    const message = `ReplicaSet "${name}" has timed out progressing.`;
    return { condition: say("False", "ProgressDeadlineExceeded", message), againMs: undefined };
  }
  const message = `ReplicaSet "${name}" is progressing${progressOf(counts)}.`;
  return { condition: say("True", "ReplicaSetUpdated", message), againMs: leftMs };
}

/** The deadline starts again with every step: the step is part of the message. */
function progressOf({ updatedReplicas, availableReplicas, replicas }: Counts): string {
  return ` (${updatedReplicas} updated, ${availableReplicas} available, ${replicas} in all)`;
}

function conditionOf(deployment: Deployment, type: string): Condition | undefined {
  return deployment.status?.conditions?.find((found) => found.type === type) as Condition | undefined;
}

/** Times stay as they were while what they date stays. */
function condition(
  deployment: Deployment,
  nowMs: number,
  { type, status, reason, message }: Pick<Condition, "type" | "status" | "reason" | "message">,
): Condition {
  const now = timestamp(nowMs);
  const before = conditionOf(deployment, type);
  return {
    type,
    status,
    reason,
    message,
    lastTransitionTime: before?.status === status ? before.lastTransitionTime : now,
    lastUpdateTime: before?.reason === reason && before.message === message ? before.lastUpdateTime : now,
  };
}
