// One pod on this node, from its first sight until nothing of it is left: compares what is with what should be, and does one round.
//
//   API ──update()──► worker ──► sandbox (network), files, containers, probes
//   monitors, probes, timers ──wake()──► worker ──► status, events

import type { Container } from "kubernetes-types/core/v1";
import { messageOf } from "#base/error-message.ts";
import type { Pod } from "#kube/kinds.ts";
import { timestamp } from "#kube/time.ts";
import type { Refusal } from "#lab/kubelet/pod/admission.ts";
import { afterRestart, type Backoff, noBackoff } from "#lab/kubelet/pod/backoff.ts";
import { ConfigError, type Sources } from "#lab/kubelet/pod/environment.ts";
import type { NodeFacts } from "#lab/kubelet/pod/fields.ts";
import { knownRun } from "#lab/kubelet/pod/known-run.ts";
import {
  type ContainerFacts,
  type ContainerStep,
  containersOf,
  finishedPhase,
  lastRun,
  planPod,
} from "#lab/kubelet/pod/plan.ts";
import { sandboxRequest } from "#lab/kubelet/pod/sandbox-request.ts";
import { podStatus, type Waiting } from "#lab/kubelet/pod/status.ts";
import { containerPath } from "#lab/kubelet/runtime/pod-tool.ts";
import { isAlive, removeSandbox, startSandbox } from "#lab/kubelet/runtime/sandbox.ts";
import type { SandboxRecord } from "#lab/kubelet/runtime/state-dir.ts";
import type { Ip } from "#net/ip.ts";
import { limitsOf, runRequest } from "./container-start.ts";
import { Ending } from "./ending.ts";
import type { KubeletHost } from "./kubelet-host.ts";
import { type Prepared, preparePod } from "./pod-files.ts";
import { PodNotes } from "./pod-notes.ts";
import { Probers } from "./probers.ts";
import { StatusWriter } from "./status-writer.ts";
import { WakeTimer } from "./wake-timer.ts";

/** Files of ConfigMaps, Secrets and tokens follow their objects within this. */
const refreshMs = 10_000;

/** How a pod comes to a worker. */
export type PodArrival = {
  /** What an earlier kubelet has left of it. */
  readonly sandbox: SandboxRecord | undefined;
  /** Why the node does not take it. */
  readonly refusal: Refusal | undefined;
};

export class PodWorker {
  readonly uid: string;
  readonly #host: KubeletHost;
  readonly #probers: Probers;
  readonly #notes: PodNotes;
  readonly #ending: Ending;
  readonly #status: StatusWriter;
  readonly #startTime: string;
  readonly #finishedWith: (uid: string) => void;
  readonly #refusal: Refusal | undefined;
  readonly #backoffs = new Map<string, Backoff>();
  readonly #waiting = new Map<string, Waiting>();
  #pod: Pod;
  #removed = false;
  #sandbox: SandboxRecord | undefined;
  #ips: readonly Ip[] = [];
  #prepared: Prepared = new Map();
  #finished: "Succeeded" | "Failed" | undefined;
  readonly #timer: WakeTimer;
  #running = false;
  #dirty = false;
  #done = false;

  /** `finished` is told when nothing of the pod is left here. */
  constructor(host: KubeletHost, pod: Pod, { sandbox, refusal }: PodArrival, finished: (uid: string) => void) {
    this.uid = pod.metadata.uid ?? "";
    this.#host = host;
    this.#timer = new WakeTimer(
      () => host.now(),
      () => this.wake(),
    );
    this.#pod = pod;
    this.#sandbox = sandbox;
    this.#refusal = refusal;
    this.#ips = sandbox?.ips ?? [];
    this.#finishedWith = finished;
    this.#startTime = pod.status?.startTime ?? timestamp(host.now());
    this.#notes = new PodNotes(host.events, () => this.#pod);
    this.#probers = new Probers(this.uid, host, () => this.wake(), this.#notes);
    this.#ending = new Ending(host, this.uid, this.#notes, () => this.wake());
    this.#status = new StatusWriter(host.client, pod, host.log);
  }

  /** Whether the pod takes a share of the node. */
  get isAdmitted(): boolean {
    return this.#refusal === undefined;
  }

  /** The pod as the API has it now. */
  update(pod: Pod): void {
    this.#pod = pod;
    this.#status.saw(pod);
    this.wake();
  }

  /** The API has no such pod any more: what runs of it ends, and nobody is told. */
  remove(): void {
    this.#removed = true;
    this.wake();
  }

  /** Asks for a round; one that runs is followed by another. */
  wake(): void {
    this.#dirty = true;
    if (!this.#running && !this.#done) void this.#loop();
  }

  /** Looks whether the sandbox is still there: nobody tells when its process is killed. */
  check(): void {
    if (this.#sandbox?.ready === true && !isAlive(this.#host.sandboxes, this.#sandbox)) this.wake();
  }

  /** What the pod waits for may be there now. */
  retry(): void {
    this.#timer.calm();
    this.wake();
  }

  /** Stops looking after the pod, which goes on as it is. */
  abandon(): void {
    this.#done = true;
    this.#timer.clear();
    this.#probers.endAll();
  }

  async #loop(): Promise<void> {
    this.#running = true;
    while (this.#dirty && !this.#done) {
      this.#dirty = false;
      this.#timer.clear();
      try {
        await this.#round();
      } catch (error) {
        this.#host.log(`${this.#name()}: ${messageOf(error)}`);
        this.#timer.tryAgain();
      }
    }
    this.#running = false;
  }

  async #round(): Promise<void> {
    if (this.#removed || this.#pod.metadata.deletionTimestamp !== undefined) return await this.#end();
    if (this.#refusal !== undefined) return this.#refuse(this.#refusal);
    if (this.#sandbox !== undefined && !isAlive(this.#host.sandboxes, this.#sandbox)) await this.#loseSandbox();
    const plan = planPod(this.#pod, this.#facts(), this.#host.now());
    this.#finished = plan.finished ?? finishedPhase(this.#pod);
    this.#note(plan.waiting);
    if (this.#finished !== undefined) {
      for (const step of plan.steps) if (step.do === "kill") this.#kill(step);
      if (plan.steps.length === 0) await this.#stopSandbox();
      return this.#report();
    }
    if (!(await this.#ensureSandbox())) return;
    const sources = await this.#prepare();
    if (sources === undefined) return;
    for (const step of plan.steps) {
      if (step.do === "kill") this.#kill(step);
      else await this.#host.slots.run(() => this.#start(step, sources));
    }
    // What has just been started may be all that the next one waited for.
    const next = plan.steps.some((step) => step.do === "start")
      ? planPod(this.#pod, this.#facts(), this.#host.now())
      : plan;
    if (next.steps.some((step) => step.do === "start" && !this.#waiting.has(step.container))) this.#dirty = true;
    this.#report();
    // Only what the API says can change without anybody telling the worker.
    const refreshes = this.#prepared.size > 1 ? [refreshMs] : [];
    const waits = [...refreshes, ...next.waiting.values()];
    if (waits.length > 0) this.#timer.within(Math.min(...waits));
  }

  #refuse({ reason, message }: Refusal): void {
    const { status } = this.#status.pod;
    if (status?.phase === "Failed") return;
    this.#notes.warn(reason, message);
    this.#status.write({ ...status, phase: "Failed", reason, message: `Pod was rejected: ${message}` });
  }

  async #ensureSandbox(): Promise<boolean> {
    if (this.#sandbox?.ready === true) return true;
    const { slots, sandboxes, dns } = this.#host;
    try {
      if (this.#sandbox !== undefined) await this.#stopSandbox();
      // Those who look meanwhile see that somebody is at it; when it is quick, nobody is told twice.
      const slow = setTimeout(() => this.#report(), 500);
      try {
        this.#sandbox = await slots.run(() => startSandbox(sandboxes, sandboxRequest(this.#pod, dns)));
      } finally {
        clearTimeout(slow);
      }
      this.#ips = this.#sandbox.ips;
      this.#timer.calm();
      return true;
    } catch (error) {
      const message = `Failed to create pod sandbox: ${messageOf(error)}`;
      this.#notes.warn("FailedCreatePodSandBox", message);
      this.#report();
      this.#timer.tryAgain();
      return false;
    }
  }

  /** The pod's files, and what its containers refer to; undefined when something is missing that will be waited for. */
  async #prepare(): Promise<Sources | undefined> {
    const { objects, dns, sandboxes } = this.#host;
    try {
      const [sources, tokens] = await Promise.all([objects.sources(this.#pod), objects.tokens(this.#pod)]);
      const folder = sandboxes.state.podDir(this.uid);
      this.#prepared = preparePod(folder, this.#pod, this.#nodeFacts(), dns, sources, tokens, this.#prepared);
      return sources;
    } catch (error) {
      this.#notes.warn("FailedMount", `MountVolume.SetUp failed: ${messageOf(error)}`);
      this.#report();
      this.#timer.tryAgain();
      return undefined;
    }
  }

  async #start({ container: name, attempt }: ContainerStep & { do: "start" }, sources: Sources): Promise<void> {
    const container = this.#containers().find((each) => each.name === name);
    const sandbox = this.#sandbox;
    if (container === undefined || sandbox === undefined || this.#ending.has(name)) return;
    const before = lastRun(this.#facts(), name)?.ending;
    try {
      const { state } = this.#host.sandboxes;
      const folder = state.podDir(this.uid);
      const messageFile = state.messageFile({ uid: this.uid, container: name, attempt });
      const request = runRequest(this.#host, this.#pod, container, attempt, {
        sandbox,
        folder,
        node: this.#nodeFacts(),
        sources,
        messageFile,
      });
      const run = await this.#host.containers.start(request, limitsOf(container));
      this.#waiting.delete(name);
      if (before !== undefined) this.#countRestart(name);
      if (run.pid === 0) return this.#notes.warn("Failed", `Error: ${run.ending?.message ?? ""}`, container);
      this.#notes.started(container, request.program.kind);
      this.#probers.begin(container, run, sandbox.ips);
      await this.#postStart(container);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      this.#waiting.set(name, { reason: "CreateContainerConfigError", message: error.message });
      this.#notes.warn("Failed", `Error: ${error.message}`, container);
      this.#timer.tryAgain();
    }
  }

  async #postStart(container: Container): Promise<void> {
    const hook = container.lifecycle?.postStart;
    const failure = hook === undefined ? undefined : await this.#ending.hook(hook, container, this.#ips[0]);
    if (failure === undefined) return;
    this.#notes.warn("FailedPostStartHook", `PostStartHook failed: ${failure}`, container);
    this.#kill({ do: "kill", container: container.name, why: "FailedPostStartHook" });
  }

  #countRestart(name: string): void {
    const run = this.#host.containers.runs(this.uid).get(name)?.at(-2);
    const ranMs = run?.ending === undefined ? 0 : Date.parse(run.ending.finishedAt) - Date.parse(run.startedAt);
    this.#backoffs.set(name, afterRestart(this.#backoffs.get(name) ?? noBackoff, ranMs));
  }

  #kill({ container: name, why }: ContainerStep & { do: "kill" }): void {
    const container = this.#containers().find((each) => each.name === name);
    if (container === undefined || this.#ending.has(name)) return;
    this.#notes.killing(container, why);
    this.#probers.end(name);
    this.#ending.begin(container, this.#ips[0], (this.#pod.spec?.terminationGracePeriodSeconds ?? 30) * 1000);
  }

  /** Everything of the pod ends: containers, then sidecars, then the sandbox; then the API forgets the pod. */
  async #end(): Promise<void> {
    const { containers, sandboxes } = this.#host;
    this.#probers.endAll();
    const graceMs = this.#graceMs();
    const runs = this.#containers().filter(
      ({ name }) => lastRun(this.#facts(), name)?.ending === undefined && containers.runs(this.uid).has(name),
    );
    const main = runs.filter((container) => !(this.#pod.spec?.initContainers ?? []).includes(container));
    if (runs.length > 0) {
      for (const container of main.length > 0 ? main : runs) {
        if (!this.#ending.has(container.name)) this.#notes.killing(container);
        this.#ending.begin(container, this.#ips[0], graceMs);
      }
      return this.#report();
    }
    if (this.#sandbox !== undefined && !(await removeSandbox(sandboxes, this.#sandbox))) return this.#timer.tryAgain();
    this.#sandbox = undefined;
    if (!this.#removed) await this.#forgetInApi();
    containers.forget(this.uid);
    sandboxes.state.forgetPod(this.uid);
    this.abandon();
    this.#finishedWith(this.uid);
  }

  #graceMs(): number {
    const { deletionGracePeriodSeconds } = this.#pod.metadata;
    // Without a word of the API nobody waits for the pod any more.
    if (this.#removed) return 1000;
    return (deletionGracePeriodSeconds ?? this.#pod.spec?.terminationGracePeriodSeconds ?? 30) * 1000;
  }

  async #forgetInApi(): Promise<void> {
    this.#report();
    await this.#status.flushed();
    await this.#host.forgetPod(this.#pod);
  }

  /** The pause process is gone, and with it the pod's network: all starts anew, as Kubernetes does. */
  async #loseSandbox(): Promise<void> {
    const { containers } = this.#host;
    this.#notes.normal("SandboxChanged", "Pod sandbox changed, it will be killed and re-created.");
    this.#probers.endAll();
    await Promise.all(this.#containers().map(({ name }) => containers.stop(this.uid, name, 0)));
    await this.#stopSandbox();
    this.#prepared = new Map();
  }

  async #stopSandbox(): Promise<void> {
    if (this.#sandbox === undefined) return;
    if (!(await removeSandbox(this.#host.sandboxes, this.#sandbox))) throw new Error("its sandbox is not gone yet");
    this.#sandbox = undefined;
  }

  #containers(): readonly Container[] {
    return containersOf(this.#pod);
  }

  #facts(): ContainerFacts {
    const instances = this.#host.containers.runs(this.uid);
    // Containers that an earlier kubelet started are probed from now on.
    for (const container of this.#containers()) {
      const run = instances.get(container.name)?.at(-1);
      if (run !== undefined)
        this.#probers.follow(container, run, this.#ips, knownRun(this.#pod, container.name, run.attempt));
    }
    return {
      instances,
      backoffs: this.#backoffs,
      started: this.#probers.started(),
      unhealthy: this.#probers.unhealthy(),
    };
  }

  #note(waits: ReadonlyMap<string, number>): void {
    for (const [name, wait] of this.#waiting)
      if (wait.reason === "CrashLoopBackOff" && !waits.has(name)) this.#waiting.delete(name);
    for (const name of waits.keys()) {
      if (this.#waiting.has(name)) continue;
      const seconds = (this.#backoffs.get(name)?.delayMs ?? 0) / 1000;
      const message = `back-off ${seconds}s restarting failed container=${name} pod=${this.#pod.metadata.name}`;
      this.#waiting.set(name, { reason: "CrashLoopBackOff", message });
      this.#notes.warn("BackOff", `Back-off restarting failed container ${name}`);
    }
  }

  #nodeFacts(): NodeFacts {
    const { node, cpus, memoryBytes, sandboxes } = this.#host;
    const defaults = [
      ["PATH", containerPath],
      ["HOSTNAME", this.#pod.spec?.hostname ?? this.#pod.metadata.name],
      ["HOME", "/root"],
    ] as const;
    return { name: node, ips: sandboxes.nodeIps, podIps: this.#ips, cpus, memoryBytes, defaults };
  }

  #report(): void {
    if (this.#removed) return;
    const now = this.#host.now();
    const sandbox = { ready: this.#sandbox?.ready === true, ips: this.#ips };
    const view = { ready: this.#probers.ready(), waiting: this.#waiting, sandbox, finished: this.#finished };
    const facts = { ...this.#facts(), ...view, hostIps: this.#host.sandboxes.nodeIps, startTime: this.#startTime };
    this.#status.write(podStatus(this.#status.pod, facts, timestamp(now)));
  }

  #name(): string {
    return `pod ${this.#pod.metadata.namespace}/${this.#pod.metadata.name}`;
  }
}
