// The kubelet of one node: a worker for each of its pods, and what all of them share.

import { join } from "node:path";
import { messageOf } from "#base/error-message.ts";
import type { KubeClient } from "#kube/client.ts";
import { EventRecorder } from "#kube/event-recorder.ts";
import type { Pod } from "#kube/kinds.ts";
import { hasReason } from "#kube/kube-error.ts";
import { type Difference, Mirror } from "#kube/mirror.ts";
import type { Pace } from "#kube/reflect.ts";
import { pods } from "#kube/resource.ts";
import { timestamp } from "#kube/time.ts";
import { removeGroup } from "#lab/cgroup.ts";
import type { ClusterView } from "#lab/cluster-view.ts";
import { isFinished } from "#lab/controllers/pod-state.ts";
import type { Ip } from "#net/ip.ts";
import { ObjectCache } from "./node/object-cache.ts";
import { findProgram } from "./node/programs.ts";
import { refusalOf } from "./pod/admission.ts";
import { containersOf } from "./pod/plan.ts";
import type { ClusterDns } from "./pod/resolver.ts";
import { Containers } from "./runtime/containers.ts";
import type { NodeNetwork } from "./runtime/network.ts";
import type { PodTool } from "./runtime/pod-tool.ts";
import { removeSandbox, type SandboxPlace } from "./runtime/sandbox.ts";
import type { SandboxRecord, StateDir } from "./runtime/state-dir.ts";
import { ContainerExec } from "./worker/container-exec.ts";
import type { KubeletHost } from "./worker/kubelet-host.ts";
import { PodWorker } from "./worker/pod-worker.ts";
import { Slots } from "./worker/slots.ts";

export type KubeletOptions = {
  readonly client: KubeClient;
  /** Services, which containers find in their environment. */
  readonly view: ClusterView;
  readonly node: string;
  readonly nodeIps: readonly Ip[];
  readonly dns: ClusterDns;
  readonly tool: PodTool;
  /** Path of Twill's own executable, which some containers run. */
  readonly twill: string;
  readonly network: NodeNetwork;
  readonly state: StateDir;
  /** Folder of the control groups of the node's pods. */
  readonly cgroup: string;
  readonly netnsDir: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly pace: Pace;
  readonly now: () => number;
  readonly log: (line: string) => void;
};

/** Pods that are being started at the same time: what they wait for is mostly the processors. */
const startsAtOnce = 8;
/** Lost sandboxes are looked for this often. */
const checkMs = 2000;

/** A pod and its container as the streaming side looks for them. */
export type FoundContainer = { readonly uid: string; readonly pod: Pod; readonly container: string };

export class Kubelet implements Disposable {
  readonly #options: KubeletOptions;
  readonly #host: KubeletHost;
  readonly #containers: Containers;
  readonly #workers = new Map<string, PodWorker>();
  readonly #pods: Mirror<Pod>;
  /** Sandboxes of an earlier kubelet whose pods have not been seen yet. */
  readonly #left: Map<string, SandboxRecord>;
  readonly #checking: ReturnType<typeof setInterval>;
  #ready = false;

  constructor(options: KubeletOptions) {
    const { client, node, pace, state, tool, cgroup, now, log } = options;
    this.#options = options;
    this.#left = new Map(state.sandboxes().map((record) => [record.uid, record]));
    const changed = (uid: string) => this.#workers.get(uid)?.wake();
    this.#containers = new Containers({ tool, state, cgroup, now: () => timestamp(now()), changed });
    const failed = (error: unknown) => log(`Cannot follow the API: ${messageOf(error)}`);
    this.#pods = new Mirror({
      ...{ client, resource: pods, pace, failed, selection: { fieldSelector: `spec.nodeName=${node}` } },
      changed: (difference) => this.#follow(difference),
    });
    this.#host = this.#makeHost();
    this.#checking = setInterval(() => this.#check(), checkMs);
  }

  /** Begins with the pods: removes what is left of those that are gone, then looks after the others. */
  async start(): Promise<void> {
    await Promise.all([this.#pods.synced, this.#options.view.synced]);
    await this.#collectGarbage();
    this.#ready = true;
    for (const pod of this.#pods.objects.values()) this.#see(pod);
    await this.#removeLeft();
  }

  /** Pods and containers go on without it. */
  [Symbol.dispose](): void {
    clearInterval(this.#checking);
    this.#pods[Symbol.dispose]();
    this.#containers[Symbol.dispose]();
    for (const worker of this.#workers.values()) worker.abandon();
  }

  get exec(): ContainerExec {
    return this.#host.exec;
  }

  get state(): StateDir {
    return this.#options.state;
  }

  get containers(): Containers {
    return this.#containers;
  }

  /** Why the network cannot take pods now; undefined when it can. */
  get network(): NodeNetwork {
    return this.#options.network;
  }

  /** A container of a pod of this node; without a name the pod's first. Undefined when there is none. */
  find(namespace: string, name: string, container: string | undefined): FoundContainer | undefined {
    const pod = this.#pods.objects.get(`${namespace}/${name}`);
    if (pod === undefined) return undefined;
    const isFirst = container === undefined || container === "";
    const found = isFirst ? pod.spec?.containers[0] : containersOf(pod).find((each) => each.name === container);
    if (found === undefined) return undefined;
    return { uid: pod.metadata.uid ?? "", pod, container: found.name };
  }

  /** Lets every pod that waits for something try again now. */
  retry(): void {
    for (const worker of this.#workers.values()) worker.retry();
  }

  #check(): void {
    for (const worker of this.#workers.values()) worker.check();
  }

  #makeHost(): KubeletHost {
    const { client, node, now, log, dns, tool, twill, network, state, cgroup, netnsDir, nodeIps, cpus, memoryBytes } =
      this.#options;
    const sandboxes: SandboxPlace = { tool, network, state, cgroup, netnsDir, nodeIps, log };
    return {
      ...{ client, node, cpus, memoryBytes, dns, now, log, sandboxes, twill },
      containers: this.#containers,
      exec: new ContainerExec(tool, this.#containers),
      objects: new ObjectCache(client, now),
      events: new EventRecorder({ client, component: "kubelet", node, now }),
      services: () => [...this.#options.view.serviceObjects],
      slots: new Slots(startsAtOnce),
      hasProgram: (program) => findProgram(program) !== undefined,
      forgetPod: (pod) => this.#forgetPod(pod),
    };
  }

  #follow({ before, after }: Difference<Pod>): void {
    if (!this.#ready) return;
    const old = before?.metadata.uid;
    if (old !== undefined && old !== after?.metadata.uid) this.#workers.get(old)?.remove();
    if (after !== undefined) this.#see(after);
  }

  #see(pod: Pod): void {
    const { uid = "" } = pod.metadata;
    const known = this.#workers.get(uid);
    if (known !== undefined) {
      known.update(pod);
      return;
    }
    const sandbox = this.#left.get(uid);
    // What an earlier kubelet has let in stays.
    const refusal = sandbox === undefined ? refusalOf(pod, this.#admitted()) : undefined;
    const worker = new PodWorker(this.#host, pod, { sandbox, refusal }, (gone) => this.#workers.delete(gone));
    this.#left.delete(uid);
    this.#workers.set(uid, worker);
    worker.wake();
  }

  /** The pods that take a share of the node. */
  #admitted(): readonly Pod[] {
    return [...this.#pods.objects.values()].filter((pod) => {
      const { uid = "" } = pod.metadata;
      const isHere = this.#left.has(uid) || this.#workers.get(uid)?.isAdmitted === true;
      return isHere && !isFinished(pod);
    });
  }

  async #forgetPod(pod: Pod): Promise<void> {
    const { namespace, name, uid } = pod.metadata;
    const options = { gracePeriodSeconds: 0, ...(uid === undefined ? {} : { preconditions: { uid } }) };
    try {
      await this.#options.client.remove(pods, { namespace, name }, options);
    } catch (error) {
      if (!hasReason(error, "NotFound", "Conflict")) throw error;
    }
  }

  /** Tells the plugins which attachments are still somebody's; no pod is attached or detached meanwhile. */
  async #collectGarbage(): Promise<void> {
    const valid = [...this.#left.values()].flatMap(({ attachment }) => attachment ?? []);
    try {
      await this.#options.network.collect(valid);
    } catch (error) {
      this.#options.log(`Cannot collect garbage of the network: ${messageOf(error)}`);
    }
  }

  /** What an earlier kubelet ran and the API does not know any more. */
  async #removeLeft(): Promise<void> {
    const { cgroup, state } = this.#options;
    for (const record of this.#left.values()) await removeSandbox(this.#host.sandboxes, record);
    this.#left.clear();
    const known = new Set([...this.#pods.objects.values()].map(({ metadata }) => metadata.uid));
    for (const uid of this.#containers.uids.filter((each) => !known.has(each))) {
      await removeGroup(join(cgroup, uid), Bun.sleep);
      this.#containers.forget(uid);
      state.forgetPod(uid);
    }
  }
}
