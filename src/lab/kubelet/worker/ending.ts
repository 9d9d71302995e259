// Containers of one pod that are being ended: a hook, a signal, a grace, a kill; each in the background of the pod's rounds.

import type { Container, LifecycleHandler } from "kubernetes-types/core/v1";
import { messageOf } from "#base/error-message.ts";
import type { Ip } from "#net/ip.ts";
import { runHook } from "./hooks.ts";
import type { KubeletHost } from "./kubelet-host.ts";
import type { PodNotes } from "./pod-notes.ts";

const hookMs = 30_000;
/** A hook that uses the whole grace up leaves the signal this much, as Kubernetes does. */
const leastMs = 2000;

export class Ending {
  readonly #host: KubeletHost;
  readonly #uid: string;
  readonly #notes: PodNotes;
  readonly #changed: () => void;
  /** Until when each container that is being ended has time. */
  readonly #deadlines = new Map<string, number>();

  constructor(host: KubeletHost, uid: string, notes: PodNotes, changed: () => void) {
    this.#host = host;
    this.#uid = uid;
    this.#notes = notes;
    this.#changed = changed;
  }

  has(container: string): boolean {
    return this.#deadlines.has(container);
  }

  /** Ends a container in the background. A second call only matters when it gives less time. */
  begin(container: Container, ip: Ip | undefined, graceMs: number): void {
    const deadline = this.#host.now() + graceMs;
    const before = this.#deadlines.get(container.name);
    if (before !== undefined && before <= deadline) return;
    this.#deadlines.set(container.name, deadline);
    void this.#end(container, ip, graceMs, before === undefined);
  }

  /** Runs a hook now; returns why it failed. */
  async hook(
    hook: LifecycleHandler,
    container: Container,
    ip: Ip | undefined,
    timeoutMs = hookMs,
  ): Promise<string | undefined> {
    if (ip === undefined) return "the pod has no address";
    const { exec } = this.#host;
    return await runHook(hook, container, ip, timeoutMs, (argv, signal) =>
      exec.run(this.#uid, container.name, argv, signal),
    );
  }

  async #end(container: Container, ip: Ip | undefined, graceMs: number, isFirst: boolean): Promise<void> {
    const { containers, now, log } = this.#host;
    const begun = now();
    try {
      const hook = container.lifecycle?.preStop;
      if (hook !== undefined && isFirst && graceMs > 0) {
        const failure = await this.hook(hook, container, ip, graceMs);
        if (failure !== undefined) this.#notes.warn("FailedPreStopHook", `PreStopHook failed: ${failure}`, container);
      }
      const left = graceMs === 0 ? 0 : Math.max(leastMs, graceMs - (now() - begun));
      await containers.stop(this.#uid, container.name, left);
    } catch (error) {
      log(`Cannot end container ${container.name}: ${messageOf(error)}`);
    }
    this.#deadlines.delete(container.name);
    this.#changed();
  }
}
