// The probers of one pod's containers: one for each run, and what they say together.

import type { Container } from "kubernetes-types/core/v1";
import { type KnownRun, Prober } from "#lab/kubelet/probe/prober.ts";
import type { Instance } from "#lab/kubelet/runtime/instance.ts";
import type { Ip } from "#net/ip.ts";
import type { ContainerExec } from "./container-exec.ts";
import type { KubeletHost } from "./kubelet-host.ts";
import type { PodNotes } from "./pod-notes.ts";

type Probed = { readonly attempt: number; readonly prober: Prober };

export class Probers {
  readonly #uid: string;
  readonly #exec: ContainerExec;
  readonly #changed: () => void;
  readonly #notes: PodNotes;
  readonly #now: () => number;
  readonly #probed = new Map<string, Probed>();

  /** `now` gives milliseconds of the epoch. */
  constructor(uid: string, { exec, now }: Pick<KubeletHost, "exec" | "now">, changed: () => void, notes: PodNotes) {
    this.#uid = uid;
    this.#exec = exec;
    this.#now = now;
    this.#changed = changed;
    this.#notes = notes;
  }

  /** Begins with a run that has none yet, ends with one that has ended. */
  follow(container: Container, run: Instance, ips: readonly Ip[], known: KnownRun | undefined): void {
    const { attempt } = this.#probed.get(container.name) ?? {};
    if (run.ending !== undefined) this.end(container.name);
    else if (attempt !== run.attempt) this.#probe(container, run, ips, known, Date.parse(run.startedAt));
  }

  /** With a run that has just been started. */
  begin(container: Container, run: Instance, ips: readonly Ip[]): void {
    this.#probe(container, run, ips, undefined, this.#now());
  }

  #probe(container: Container, run: Instance, [ip]: readonly Ip[], known: KnownRun | undefined, sinceMs: number): void {
    this.end(container.name);
    if (ip === undefined) return;
    const prober = new Prober({
      ...{ container, ip, known, sinceMs, now: this.#now, changed: this.#changed },
      exec: (argv, signal) => this.#exec.run(this.#uid, container.name, argv, signal),
      failed: (kind, why) => {
        const name = `${kind.charAt(0).toUpperCase()}${kind.slice(1)}`;
        this.#notes.warn("Unhealthy", `${name} probe failed: ${why}`, container);
      },
    });
    this.#probed.set(container.name, { attempt: run.attempt, prober });
  }

  end(container: string): void {
    this.#probed.get(container)?.prober[Symbol.dispose]();
    this.#probed.delete(container);
  }

  endAll(): void {
    for (const name of [...this.#probed.keys()]) this.end(name);
  }

  started(): ReadonlySet<string> {
    return new Set([...this.#probed].filter(([, { prober }]) => prober.started).map(([name]) => name));
  }

  ready(): ReadonlyMap<string, boolean> {
    return new Map([...this.#probed].map(([name, { prober }]) => [name, prober.ready]));
  }

  unhealthy(): ReadonlyMap<string, string> {
    return new Map(
      [...this.#probed].flatMap(([name, { prober }]) =>
        prober.unhealthy === undefined ? [] : [[name, prober.unhealthy]],
      ),
    );
  }
}
