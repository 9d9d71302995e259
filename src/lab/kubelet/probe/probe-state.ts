// What results of a probe add up to: thresholds, as Kubernetes counts them.

import type { Probe } from "kubernetes-types/core/v1";

export type ProbeKind = "startup" | "readiness" | "liveness";

/** A run of equal results, and what they amount to so far. */
export type ProbeState = { readonly streak: number; readonly last: boolean | undefined; readonly verdict: boolean };

/** A container counts as not ready, not started, and alive until its probe says otherwise; `known` is what was found of it before. */
export function firstState(kind: ProbeKind, known = false): ProbeState {
  return { streak: 0, last: undefined, verdict: known || kind === "liveness" };
}

export function afterResult({ streak, last, verdict }: ProbeState, ok: boolean, probe: Probe): ProbeState {
  const now = last === ok ? streak + 1 : 1;
  const needed = ok ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3);
  return { streak: now, last: ok, verdict: now >= needed ? ok : verdict };
}

/** Whether a container with this state of its startup or liveness probe must be ended. */
export function isUnhealthy(kind: ProbeKind, { last, verdict, streak }: ProbeState, probe: Probe): boolean {
  if (kind === "readiness" || last !== false) return false;
  return kind === "liveness" ? !verdict : streak >= (probe.failureThreshold ?? 3);
}

const unreadyPeriodMs = 1000;
const soonMs = 50;

/**
 * Until the next try. Readiness that was never reached is looked for every second at least, and first in steps that double: a period
 * of ten seconds must not decide how long a rollout takes, and not ready it is anyhow.
 */
export function nextTryMs(kind: ProbeKind, { verdict, streak }: ProbeState, probe: Probe): number {
  const periodMs = (probe.periodSeconds ?? 10) * 1000;
  if (kind === "liveness" || verdict) return periodMs;
  const doubledMs = kind === "readiness" ? soonMs * 2 ** streak : unreadyPeriodMs;
  return Math.min(periodMs, unreadyPeriodMs, doubledMs);
}
