// What results of a probe add up to: thresholds, as Kubernetes counts them.

import type { Probe } from "kubernetes-types/core/v1";

export type ProbeKind = "startup" | "readiness" | "liveness";

/** A run of equal results, and what they amount to so far. */
export type ProbeState = {
  readonly streak: number;
  readonly last: boolean | undefined;
  readonly verdict: boolean;
  /** Whether the verdict was ever good. */
  readonly reached: boolean;
};

/** A container counts as not ready, not started, and alive until its probe says otherwise; `known` is what was found of it before. */
export function firstState(kind: ProbeKind, known = false): ProbeState {
  const verdict = known || kind === "liveness";
  return { streak: 0, last: undefined, verdict, reached: verdict };
}

export function afterResult(before: ProbeState, ok: boolean, probe: Probe): ProbeState {
  const streak = before.last === ok ? before.streak + 1 : 1;
  const needed = ok ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3);
  const verdict = streak >= needed ? ok : before.verdict;
  return { streak, last: ok, verdict, reached: before.reached || verdict };
}

/** Whether a container with this state of its startup or liveness probe must be ended. */
export function isUnhealthy(kind: ProbeKind, { last, verdict, streak }: ProbeState, probe: Probe): boolean {
  if (kind === "readiness" || last !== false) return false;
  return kind === "liveness" ? !verdict : streak >= (probe.failureThreshold ?? 3);
}

/** A server needs a moment from its start until it listens. */
const soonMs = 50;

/**
 * Until the first try, for a container that has run for so long: after `initialDelaySeconds`. Kubelets try for startup and readiness as
 * soon as the container runs, and look after its liveness with their next tick.
 */
export function firstTryMs(kind: ProbeKind, probe: Probe, ranMs: number): number {
  const delayMs = (probe.initialDelaySeconds ?? 0) * 1000;
  const dueMs = kind === "liveness" && delayMs === 0 ? periodMsOf(probe) : delayMs;
  return Math.max(soonMs, dueMs - ranMs);
}

/**
 * Until the next try, after one that took so long: a period from one to the next. While a container is not ready its readiness may be
 * tried at other times too (Kubernetes documentation, "Configure Liveness, Readiness and Startup Probes"): until it is reached for the
 * first time the steps double, so that a period of ten seconds does not decide how long a rollout takes.
 */
export function nextTryMs(kind: ProbeKind, { reached, streak }: ProbeState, probe: Probe, tookMs: number): number {
  const periodMs = periodMsOf(probe);
  const stepMs = kind === "readiness" && !reached ? Math.min(periodMs, soonMs * 2 ** streak) : periodMs;
  return Math.max(0, stepMs - tookMs);
}

function periodMsOf({ periodSeconds = 10 }: Probe): number {
  return periodSeconds * 1000;
}
