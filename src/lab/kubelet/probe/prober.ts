// The probes of one run of a container: a timer each, from its start until it ends.

import type { Container, Probe } from "kubernetes-types/core/v1";
import type { Ip } from "#net/ip.ts";
import {
  afterResult,
  firstState,
  firstTryMs,
  isUnhealthy,
  nextTryMs,
  type ProbeKind,
  type ProbeState,
} from "./probe-state.ts";
import { probeTarget } from "./probe-target.ts";
import { type ExecInContainer, type ProbeResult, tryProbe } from "./try-probe.ts";

/** What an earlier kubelet had found of a run that goes on. */
export type KnownRun = { readonly started: boolean; readonly ready: boolean };

export type ProberOptions = {
  readonly container: Container;
  readonly ip: Ip;
  readonly exec: ExecInContainer;
  /** When the container began to run, in milliseconds of `now`. */
  readonly sinceMs: number;
  readonly now: () => number;
  /** A container that was ready stays so until its probe says otherwise: a kubelet that starts again takes nobody out of service. */
  readonly known?: KnownRun | undefined;
  /** Told when a verdict has changed, or the container must be ended. */
  readonly changed: () => void;
  /** Told of every failed try, for events. */
  readonly failed: (kind: ProbeKind, why: string) => void;
};

/** Probes a container until it is disposed: first for startup, then for readiness and liveness. */
export class Prober implements Disposable {
  readonly #options: ProberOptions;
  readonly #states = new Map<ProbeKind, ProbeState>();
  readonly #timers = new Map<ProbeKind, ReturnType<typeof setTimeout>>();
  #unhealthy: string | undefined;
  #ended = false;

  constructor(options: ProberOptions) {
    this.#options = options;
    const { startupProbe } = options.container;
    if (startupProbe === undefined || options.known?.started === true) this.#beginMain();
    else this.#begin("startup", startupProbe);
  }

  [Symbol.dispose](): void {
    this.#ended = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }

  get started(): boolean {
    return this.#states.get("startup")?.verdict ?? true;
  }

  get ready(): boolean {
    const { readinessProbe } = this.#options.container;
    return this.started && (readinessProbe === undefined || (this.#states.get("readiness")?.verdict ?? false));
  }

  /** Why the container must be ended; undefined while it need not. */
  get unhealthy(): string | undefined {
    return this.#unhealthy;
  }

  #beginMain(): void {
    const { readinessProbe, livenessProbe } = this.#options.container;
    if (readinessProbe !== undefined) this.#begin("readiness", readinessProbe);
    if (livenessProbe !== undefined) this.#begin("liveness", livenessProbe);
  }

  #begin(kind: ProbeKind, probe: Probe): void {
    this.#states.set(kind, firstState(kind, kind === "readiness" && this.#options.known?.ready === true));
    const { now, sinceMs } = this.#options;
    this.#later(kind, probe, firstTryMs(kind, probe, now() - sinceMs));
  }

  #later(kind: ProbeKind, probe: Probe, ms: number): void {
    this.#timers.set(
      kind,
      setTimeout(() => void this.#round(kind, probe), ms),
    );
  }

  async #round(kind: ProbeKind, probe: Probe): Promise<void> {
    const { container, ip, exec, now } = this.#options;
    const beganMs = now();
    const target = probeTarget(probe, container, ip);
    const result: ProbeResult =
      target === undefined
        ? { ok: false, why: "the probe's port is none of the container's" }
        : await tryProbe(target, (probe.timeoutSeconds ?? 1) * 1000, exec);
    if (this.#ended) return;
    this.#take(kind, probe, result);
    const state = this.#states.get(kind) ?? firstState(kind);
    // A startup probe is over with its first success, and whoever is unhealthy is about to be ended.
    if ((kind !== "startup" || !state.verdict) && this.#unhealthy === undefined)
      this.#later(kind, probe, nextTryMs(kind, state, probe, now() - beganMs));
  }

  #take(kind: ProbeKind, probe: Probe, result: ProbeResult): void {
    const before = this.#states.get(kind) ?? firstState(kind);
    const after = afterResult(before, result.ok, probe);
    this.#states.set(kind, after);
    if (!result.ok) this.#options.failed(kind, result.why);
    if (isUnhealthy(kind, after, probe)) this.#unhealthy = `failed ${kind} probe`;
    if (kind === "startup" && after.verdict && !before.verdict) this.#beginMain();
    if (after.verdict !== before.verdict || this.#unhealthy !== undefined) this.#options.changed();
  }
}
