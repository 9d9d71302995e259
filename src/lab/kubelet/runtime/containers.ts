// The containers of a node: started through monitors that outlive the kubelet, found again by their files, ended by signals.

import { type FSWatcher, watch } from "node:fs";
import { join } from "node:path";
import { killGroup, killProcess, processesIn } from "#lab/cgroup.ts";
import { type Instance, instanceName } from "./instance.ts";
import { type Limits, makeLimitedGroup } from "./limits.ts";
import type { PodTool } from "./pod-tool.ts";
import { type RunRequest, runArgs } from "./run-args.ts";
import { sandboxCgroup } from "./sandbox.ts";
import type { StateDir } from "./state-dir.ts";

export type ContainersOptions = {
  readonly tool: PodTool;
  readonly state: StateDir;
  /** Folder of the control groups of the node's pods. */
  readonly cgroup: string;
  /** RFC 3339 with whole seconds. */
  readonly now: () => string;
  /** Told of every container that has started or ended, by its pod. */
  readonly changed: (uid: string) => void;
};

/** Runs of a container that are remembered: the present one and the one before. */
const remembered = 2;
/** What ends without its monitor's word is looked for this often. */
const scanMs = 5000;
/** How long a killed process may take to be gone. */
const killMs = 5000;

/** As runtimes answer when a program cannot be executed. */
const startErrorCode = 128;
const lostCode = 137;

export class Containers implements Disposable {
  readonly #options: ContainersOptions;
  /** By pod, then by container; oldest first. */
  readonly #runs = new Map<string, Map<string, Instance[]>>();
  readonly #waiters = new Map<string, Set<() => void>>();
  readonly #watcher: FSWatcher;
  readonly #timer: ReturnType<typeof setInterval>;
  /** Runs whose process was missing at the last scan: their monitor may be about to tell. */
  #missing = new Set<string>();

  constructor(options: ContainersOptions) {
    this.#options = options;
    this.#watcher = watch(options.state.containersDir, (_event, file) => this.#look(file));
    for (const instance of options.state.instances().toSorted((a, b) => a.attempt - b.attempt)) this.#note(instance);
    this.#timer = setInterval(() => this.#scan(), scanMs);
    this.#scan();
  }

  [Symbol.dispose](): void {
    this.#watcher.close();
    clearInterval(this.#timer);
  }

  /** Pods that have or had containers here. */
  get uids(): readonly string[] {
    return [...this.#runs.keys()];
  }

  /** The runs of a pod's containers that are remembered, oldest first. */
  runs(uid: string): ReadonlyMap<string, readonly Instance[]> {
    return this.#runs.get(uid) ?? new Map();
  }

  /** Starts a run. One that cannot be started has ended at once, with reason StartError and the tool's sentence. */
  async start(request: RunRequest, limits: Limits): Promise<Instance> {
    const { tool, state, cgroup, now } = this.#options;
    const { uid, container, attempt } = request;
    makeLimitedGroup(join(cgroup, uid, container), limits);
    const startedAt = now();
    const place = {
      cgroup,
      logFile: state.logFile(request),
      statusFile: state.statusFile(request),
      attachSocket: state.attachSocket(request),
    };
    const { exitCode, stdout, stderr } = await tool.finish(runArgs(request, place));
    // The monitor's own file says more, but may not have been seen yet.
    const begun = state.instance(`${instanceName(request)}.json`);
    const instance: Instance =
      exitCode === 0
        ? (begun ?? { uid, container, attempt, pid: Number(stdout), startedAt, ending: undefined })
        : {
            ...{ uid, container, attempt, pid: 0, startedAt },
            ending: {
              finishedAt: now(),
              exitCode: startErrorCode,
              signal: 0,
              reason: "StartError",
              message: stderr.trim(),
            },
          };
    if (exitCode !== 0) state.saveInstance(instance);
    this.#note(instance);
    return instance;
  }

  /** Asks a container to end, and kills what is left of it after the grace. Resolves when it has ended. */
  async stop(uid: string, container: string, graceMs: number): Promise<void> {
    const run = this.runs(uid).get(container)?.at(-1);
    if (run === undefined || run.ending !== undefined) return;
    if (graceMs > 0 && this.#isThere(run)) {
      killProcess(run.pid, "SIGTERM");
      if (await this.#ended(run, graceMs)) return;
    }
    killGroup(this.#cgroupOf(run));
    if (!this.#isThere(run) && !this.#isWatched(run)) return this.#lookLast(run);
    if (await this.#ended(run, killMs)) return;
    this.#scan();
    this.#scan();
  }

  /** The process of a container that runs; undefined when it does not. */
  pidOf(uid: string, container: string): number | undefined {
    const run = this.runs(uid).get(container)?.at(-1);
    return run !== undefined && run.ending === undefined && this.#isThere(run) ? run.pid : undefined;
  }

  /** Where clients attach to a container that runs; undefined when it does not. */
  attachSocketOf(uid: string, container: string): string | undefined {
    const run = this.runs(uid).get(container)?.at(-1);
    return run === undefined || run.ending !== undefined ? undefined : this.#options.state.attachSocket(run);
  }

  cgroupOf(uid: string, container: string): string {
    return join(this.#options.cgroup, uid, container);
  }

  /** Removes the files of a pod's containers. */
  forget(uid: string): void {
    for (const run of [...this.runs(uid).values()].flat()) this.#options.state.forgetInstance(run);
    this.#runs.delete(uid);
  }

  /** Waits until a run has ended, at most so long; says whether it has. */
  async #ended(run: Instance, timeoutMs: number): Promise<boolean> {
    const isOver = () => this.#find(run)?.ending !== undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => {
      if (isOver()) resolve();
    };
    const waiters = this.#waiters.get(run.uid) ?? new Set();
    this.#waiters.set(run.uid, waiters.add(wake));
    const timer = setTimeout(resolve, timeoutMs);
    wake();
    await promise;
    clearTimeout(timer);
    waiters.delete(wake);
    if (waiters.size === 0) this.#waiters.delete(run.uid);
    return isOver();
  }

  #find({ uid, container, attempt }: Instance): Instance | undefined {
    return this.runs(uid)
      .get(container)
      ?.find((run) => run.attempt === attempt);
  }

  #look(file: string | null): void {
    const instance = file === null ? undefined : this.#options.state.instance(file);
    if (instance === undefined) return;
    const before = this.#find(instance);
    if (before !== undefined && before.ending !== undefined) return;
    this.#note(instance);
    if (before?.pid !== instance.pid || before.ending !== instance.ending) this.#options.changed(instance.uid);
  }

  #note(instance: Instance): void {
    const { uid, container, attempt } = instance;
    const pod = this.#runs.get(uid) ?? new Map<string, Instance[]>();
    this.#runs.set(uid, pod);
    const others = (pod.get(container) ?? []).filter((run) => run.attempt !== attempt);
    const all = [...others, instance].toSorted((a, b) => a.attempt - b.attempt);
    for (const old of all.slice(0, -remembered)) this.#options.state.forgetInstance(old);
    pod.set(container, all.slice(-remembered));
    if (instance.ending !== undefined) for (const wake of this.#waiters.get(uid) ?? []) wake();
  }

  /** Ends in the records what has ended without a word: its monitor was killed too. */
  #scan(): void {
    const missing = new Set<string>();
    for (const run of [...this.#runs.values()].flatMap((pod) => [...pod.values()].flat())) {
      if (run.ending !== undefined || this.#isThere(run)) continue;
      if (this.#missing.has(instanceName(run))) {
        this.#lookLast(run);
        continue;
      }
      this.#look(`${instanceName(run)}.json`);
      if (this.#find(run)?.ending === undefined) missing.add(instanceName(run));
    }
    this.#missing = missing;
  }

  /** Nobody will write any more how the run has ended. */
  #lookLast(run: Instance): void {
    this.#look(`${instanceName(run)}.json`);
    if (this.#find(run)?.ending === undefined) this.#lose(run);
  }

  #lose(run: Instance): void {
    const message = "The process is gone and nobody saw how it ended";
    const ending = {
      finishedAt: this.#options.now(),
      exitCode: lostCode,
      signal: 9,
      reason: "ContainerStatusUnknown",
      message,
    };
    this.#options.state.saveInstance({ ...run, ending });
    this.#note({ ...run, ending });
    this.#options.changed(run.uid);
  }

  #cgroupOf({ uid, container }: Instance): string {
    return this.cgroupOf(uid, container);
  }

  /** Whether monitors of the pod's containers live, or die just now: the machine may have ended under all of them at once. */
  #isWatched({ uid }: Instance): boolean {
    return processesIn(this.cgroupOf(uid, sandboxCgroup)).length > 0;
  }

  /** A process id alone may be somebody else's by now. */
  #isThere(run: Instance): boolean {
    return processesIn(this.#cgroupOf(run)).includes(run.pid);
  }
}
