// The agent of one node, wired.
//
//   API server ──► Cluster ──► own blocks ──────────► Ipam ◄── StateStore
//                     │                                │           ▲ written first
//                     ├──► nodes ──► Fabric ──┐        ▼           │
//                     └──► Masquerade ────────┤    Endpoints ──────┘ ◄── EndpointWatch ◄── kernel's events
//                                             ├──► netlink, nftables, Datapath (maps)
//   pods, policies, namespaces ──► NodePolicies ──► Datapath (maps), Endpoints (who has which policy set)
//   services, slices ──► NodeServices ──► Datapath (maps; programs at sockets), nftables (what is refused)
//   runtime ──► shim ──► PluginService ──► twill ──► Endpoints
//                            └───────────► the standard plugins
//   local API, CLI ──► Agent (reads)

import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "#base/error-message.ts";
import { Metrics } from "#base/metrics.ts";
import type { Invocation } from "#cni/plugin.ts";
import { runPlugin } from "#cni/serve-plugin.ts";
import type { Datapath } from "#datapath/datapath.ts";
import { monotonicSeconds } from "#kernel/monotonic-clock.ts";
import type { KubeClient } from "#kube/client.ts";
import { EventRecorder } from "#kube/event-recorder.ts";
import type { Pace } from "#kube/reflect.ts";
import type { NodeModel } from "#model/node.ts";
import type { PodModel } from "#model/pod.ts";
import { hostCidr } from "#net/cidr.ts";
import { dispatch } from "#plugins/dispatch.ts";
import type { Host } from "#plugins/host.ts";
import type { Admits } from "#plugins/service/connection.ts";
import { pluginHandler } from "#plugins/service/handler.ts";
import { type Namespaces, sameNamespaces } from "#plugins/service/identity.ts";
import { servePlugins } from "#plugins/service/server.ts";
import { claimSocketPath, type SocketPath } from "#plugins/service/socket-path.ts";
import { Cluster, rememberedNode } from "./cluster.ts";
import { writeConflist } from "./cni/conflist.ts";
import { QueuedDeletes } from "./cni/deletes.ts";
import { failedSetup } from "./cni/failed-setup.ts";
import { type TwillHost, twill } from "./cni/plugin.ts";
import { Ports } from "./cni/ports.ts";
import type { AgentConfig } from "./config/config.ts";
import { Collector } from "./connections/collector.ts";
import { ensurePacing } from "./devices/pacing.ts";
import { Endpoints } from "./endpoint/endpoints.ts";
import { FlowSweeper } from "./endpoint/flows.ts";
import { EndpointWatch } from "./endpoint/watch.ts";
import { Fabric } from "./fabric/fabric.ts";
import { storedOffload } from "./fabric/offload-memory.ts";
import { type FabricNode, fabricNodeOf, overlayName } from "./fabric/want.ts";
import { Following } from "./following.ts";
import { ensureForwarding, keepForwarding } from "./forwarding.ts";
import { Ipam } from "./ipam/ipam.ts";
import { Masquerade } from "./masquerade/masquerade.ts";
import { openDatapath, pinsOf } from "./open-datapath.ts";
import { computePodMtu } from "./pod-mtu.ts";
import { Pods } from "./pods.ts";
import type { Remembered } from "./policy/naming.ts";
import { NodePolicies } from "./policy/node-policies.ts";
import { Policies } from "./policy/policies.ts";
import { checkRights } from "./rights.ts";
import { leaveServices } from "./service/leave.ts";
import { NodeServices } from "./service/node-services.ts";
import { ServicePorts } from "./service/service-ports.ts";
import type { PodName } from "./state/endpoint.ts";
import { StateStore } from "./state/store.ts";

export type AgentOptions = {
  readonly config: AgentConfig;
  readonly nodeName: string;
  readonly client: KubeClient;
  /** The machine; it stays the caller's. */
  readonly host: Host;
  /** Where this process is, as callers' shims say where they are. */
  readonly identity: Namespaces;
  /** Where the shims find us. */
  readonly socket: string;
  readonly pace: Pace;
  readonly log: (line: string) => void;
};

/** Nothing tells when a delete is queued by a shim that just missed us. */
const periodMs = 10_000;
/** Nor when something of the agent's own is changed that the kernel has no events of. */
const mendMs = 1_000;
/** For running calls to end. */
const graceMs = 10_000;

/**
 * An agent at work, until it is disposed: pods keep their network then.
 *
 *     await using agent = await Agent.start({ … });
 */
export class Agent implements AsyncDisposable {
  readonly #options: AgentOptions;
  #owned: AsyncDisposable | undefined;
  readonly ipam: Ipam;
  readonly endpoints: Endpoints;
  readonly cluster: Cluster;
  readonly datapath: Datapath | undefined;
  /** Undefined without programs: they are who writes connections down. */
  readonly collector: Collector | undefined;
  readonly #pods: Pods;
  readonly #events: EventRecorder;
  readonly #masquerade: Masquerade;
  /** Beside the nodes and services: what policies need. */
  readonly #following: Following;
  readonly #store: StateStore;
  /** Undefined: the agent is about to start. */
  fabric: Fabric | undefined;
  /** Undefined: they are left to others. */
  services: NodeServices | undefined;
  /** Undefined: they are not enforced. */
  readonly policies: NodePolicies | undefined;
  readonly metrics = new Metrics();
  /** Undefined: the node's links and addresses may be others since. */
  #podMtu: number | undefined;
  #isServing = false;

  /** Resolves when calls are served. @throws StateError, SocketPathError, KernelError, each saying what to do */
  static async start(options: AgentOptions): Promise<Agent> {
    checkRights();
    await using stack = new AsyncDisposableStack();
    // Ahead of all else: a second agent must not touch what the first one has made.
    const place = stack.use(await claimSocketPath(options.socket));
    const agent = new Agent(options, stack);
    await agent.#serve(stack, place);
    agent.#owned = stack.move();
    return agent;
  }

  private constructor(options: AgentOptions, stack: AsyncDisposableStack) {
    const { config, host, log, nodeName, client, pace } = options;
    this.#options = options;
    const store = stack.use(new StateStore(join(config.state.folder, "agent.db")));
    this.#store = store;
    this.ipam = new Ipam(store, config.addresses.cooldownSeconds * 1000);
    // What is removed from now on rests in its pool.
    this.ipam.setBlocks(rememberedNode(store, nodeName)?.blocks ?? []);
    this.datapath = config.programs.enabled ? stack.use(openDatapath(config, nodeName, log)) : undefined;
    this.datapath?.attachPods(host.route());
    ensureForwarding(host);
    this.collector =
      this.datapath === undefined
        ? undefined
        : stack.use(
            new Collector({
              maps: this.datapath.connections,
              nowSeconds: monotonicSeconds,
              metrics: this.metrics,
              log,
            }),
          );
    const flows = stack.use(new FlowSweeper(host.netfilter, this.datapath?.connections, log));
    const released = flows.sweep.bind(flows);
    const nodeAddresses = () => Object.values(this.cluster.self?.addresses ?? {});
    const { ipam, datapath } = this;
    const policies = this.#openPolicies(store);
    this.endpoints = new Endpoints({ host, store, ipam, datapath, nodeAddresses, policies, log, released });
    this.#forgetOtherPlace(store);
    this.#events = new EventRecorder({ client, component: "twill-agent", node: nodeName, now: () => host.now() });
    this.#masquerade = new Masquerade(host);
    this.#following = new Following(log);
    this.#pods = stack.use(
      new Pods({
        ...{ client, pace, ...this.#following.of("pods") },
        nodeName: policies === undefined ? nodeName : undefined,
        changed: (pod, model) => this.#podChanged(pod, model),
      }),
    );
    this.cluster = stack.use(new Cluster({ client, nodeName, pace, store, log, changed: () => this.#nodesChanged() }));
    if (policies !== undefined) this.policies = stack.use(this.#startPolicies(policies));
    this.metrics.counter("twill_packets_total", "Packets of the packet path, by what became of them.", () =>
      Object.entries(datapath?.counts() ?? {}).map(([outcome, { packets }]) => ({
        labels: { outcome },
        value: Number(packets),
      })),
    );
  }

  get nodeName(): string {
    return this.#options.nodeName;
  }

  get fabricMode(): AgentConfig["fabric"]["mode"] {
    return this.#options.config.fabric.mode;
  }

  nowMs(): number {
    return this.#options.host.now();
  }

  /** What a new pod may send at once, in bytes. */
  podMtu(): number {
    const { host, config } = this.#options;
    this.#podMtu ??= computePodMtu(host.route(), this.cluster.self?.addresses ?? {}, config.fabric);
    return this.#podMtu;
  }

  /** Why no pod can be wired now, in words; undefined: it can. */
  unready(): string | undefined {
    if (!this.#isServing) return "The agent starts";
    if (this.policies?.policies.isKnown === false) return this.policies.problems[0] ?? "The agent waits for policies";
    if (this.ipam.blocks.length > 0) return undefined;
    const { nodeName } = this.#options;
    const { problem, isSynced } = this.cluster;
    if (problem !== undefined) return `The agent does not know its node: ${problem}`;
    if (!isSynced) return "The agent waits for the API server";
    if (this.cluster.self === undefined) return `The API server has no Node "${nodeName}"`;
    return `Node ${nodeName} has no block of addresses yet (spec.podCIDRs): run \`twill operator\`, or the controller manager with --allocate-node-cidrs; where one runs, the events of the node say why`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned?.[Symbol.asyncDispose]();
  }

  async #serve(stack: AsyncDisposableStack, place: SocketPath): Promise<void> {
    const { config, host, identity, log } = this.#options;
    const run = (call: Invocation) =>
      call.plugin === twill.name ? runPlugin(twill, call, this.#twillHost(deletes)) : dispatch(call, host);
    const deletes = new QueuedDeletes({ folder: config.cni.deletes, run, log });
    await deletes.replay();
    this.#restoreAll();
    const admits: Admits = (plugin, caller) =>
      // What type `twill` does, it does by numbers and the namespace's path: an agent in a container serves its node.
      plugin === twill.name ? caller.net === identity.net : sameNamespaces(caller, identity);
    const service = await servePlugins({ path: place, handle: pluginHandler(run, log), identity, admits, log });
    stack.defer(() => service.stop(graceMs));
    this.fabric = stack.use(
      await Fabric.start({
        connection: host.route(),
        netns: host.netns,
        datapath: this.datapath,
        mode: config.fabric.mode,
        offload: { memory: storedOffload(this.#store), random: (bytes) => host.random(bytes) },
        nodes: () => this.#fabricNodes(),
        woken: () => {
          this.#podMtu = undefined;
          keepForwarding(host, log);
        },
        log,
      }),
    );
    this.services = await this.#startServices(stack);
    // All programs are in their places.
    this.datapath?.finishMigration();
    stack.use(await EndpointWatch.start({ endpoints: this.endpoints, host, log }));
    this.#isServing = true;
    this.#nodesChanged();
    const period = setInterval(() => {
      this.#nodesChanged();
      this.policies?.policies.retry();
      deletes.replay().catch((error: unknown) => log(`queued deletes: ${messageOf(error)}`));
    }, periodMs);
    stack.defer(() => clearInterval(period));
    const mending = setInterval(() => this.#mend(), mendMs);
    stack.defer(() => clearInterval(mending));
    // A shim that found nobody a moment ago queued its delete after the first look.
    await deletes.replay();
  }

  async #startServices(stack: AsyncDisposableStack): Promise<NodeServices | undefined> {
    const { config, host, client, pace, nodeName, log } = this.#options;
    const { datapath, endpoints, cluster } = this;
    if (datapath === undefined) return undefined;
    const pins = pinsOf(config, nodeName);
    if (!config.services.enabled) {
      leaveServices(host, pins, log);
      return undefined;
    }
    const services = await NodeServices.start({
      ...{ config, host, client, pace, nodeName, datapath, log, pins, metrics: this.metrics },
      self: () => cluster.self,
      nodes: () => [...(cluster.self === undefined ? [] : [cluster.self]), ...cluster.others],
      endpoints: () => endpoints.list(),
      podOf: (pod) => this.#pods.modelOf(pod),
    });
    return stack.use(services);
  }

  #openPolicies(store: StateStore): Policies | undefined {
    const { config, log } = this.#options;
    const { datapath } = this;
    if (!config.policy.enabled || datapath === undefined) return undefined;
    return new Policies({
      ...{ datapath, log, cutEstablished: config.policy.cutEstablished },
      carry: (endpoint) => this.endpoints.carry(endpoint),
      remembered: JSON.parse(store.fact("policyNumbers") ?? "{}") as Remembered,
      remember: (remembered) => store.setFact("policyNumbers", JSON.stringify(remembered)),
      settled: () => this.policies?.settled(),
    });
  }

  #startPolicies(policies: Policies): NodePolicies {
    const { config, host, client, pace, nodeName, log } = this.#options;
    const { metrics, cluster } = this;
    return new NodePolicies({
      ...{ client, pace, nodeName, policies, metrics, log, following: this.#following },
      nodes: () => [...(cluster.self === undefined ? [] : [cluster.self]), ...cluster.others],
      othersKnown: Promise.all([this.#pods.synced, this.cluster.synced]),
      begun: () => this.#nodesChanged(),
      patienceMs: config.policy.patienceSeconds * 1000,
      nowMs: () => host.now(),
      sleep: host.sleep,
    });
  }

  #podChanged(pod: Pick<PodName, "namespace" | "name">, model: PodModel | undefined): void {
    this.policies?.podChanged(pod, model);
    // Of those of other nodes services know by their endpoints.
    if (model === undefined || model.node === this.nodeName) this.services?.podChanged(pod);
  }

  #twillHost(deletes: QueuedDeletes): TwillHost {
    const { host } = this.#options;
    return {
      endpoints: this.endpoints,
      ports: new ServicePorts(new Ports(host), () => this.services),
      mtu: () => this.podMtu(),
      sleep: host.sleep,
      unready: () => this.unready(),
      settleDelete: (call) => deletes.settle(call),
      paces: () => this.#paces(),
      wishOf: (pod) => this.#pods.wishOf(pod),
      untilInForce: async (endpoint) => await this.policies?.untilInForce(endpoint),
      addFailed: (pod, problem) => this.#events.note(failedSetup(pod, problem)),
    };
  }

  /** Whether packets of pods leave the node when the packet path says so. */
  #paces(): boolean {
    if (this.datapath === undefined) return false;
    const { host, config } = this.#options;
    const addresses = Object.values(this.cluster.self?.addresses ?? {});
    return ensurePacing(host.route(), addresses, config.services.devices);
  }

  #nodesChanged(): void {
    const { config, log } = this.#options;
    try {
      this.policies?.nodesChanged();
      const self = this.cluster.self;
      if (self === undefined || !this.#isServing) return;
      this.ipam.setBlocks(self.blocks);
      this.fabric?.wake();
      this.services?.nodesChanged();
      if (this.endpoints.renewSources()) this.endpoints.restoreAll();
      // Before all nodes are known, their pods would be strangers.
      const masquerades = config.masquerade.enabled && this.cluster.isSynced;
      if (masquerades && this.#masquerade.ensure(this.#masqueradeWant(self))) log("masquerade: wrote the rules");
      if (this.unready() === undefined && writeConflist(config.cni))
        log(`wrote ${join(config.cni.folder, config.cni.file)}`);
    } catch (error) {
      log(messageOf(error));
    }
  }

  #mend(): void {
    const { config, log } = this.#options;
    try {
      if (this.#masquerade.keep()) log("masquerade: wrote the rules anew, they had changed");
      if (this.unready() === undefined && writeConflist(config.cni))
        log(`wrote ${join(config.cni.folder, config.cni.file)}`);
    } catch (error) {
      log(messageOf(error));
    }
  }

  #masqueradeWant(self: NodeModel) {
    const all = [self, ...this.cluster.others];
    const nodes = all.flatMap(({ addresses }) => Object.values(addresses).map(hostCidr));
    const except = [...all.flatMap(({ blocks }) => blocks), ...nodes, ...this.#options.config.masquerade.exclude];
    return { pods: self.blocks, except, ownDevices: [overlayName] };
  }

  #fabricNodes(): { readonly self: FabricNode | undefined; readonly others: readonly FabricNode[] } {
    const { self, others, isSynced } = this.cluster;
    // Before all nodes are known, nothing of what an earlier agent made for them is taken away.
    return { self: self === undefined || !isSynced ? undefined : fabricNodeOf(self), others: others.map(fabricNodeOf) };
  }

  /** Endpoints of a machine that was restarted since, or of another network namespace: their links are gone for good. */
  #forgetOtherPlace(store: StateStore): void {
    const { host, log } = this.#options;
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    const place = `${boot} ${statSync(host.netns?.path ?? "/proc/self/ns/net").ino}`;
    const before = store.fact("place");
    if (before !== undefined && before !== place) {
      log(`the node was restarted: ${this.endpoints.list().length} endpoints of before are forgotten`);
      for (const endpoint of this.endpoints.list()) this.endpoints.remove(endpoint);
    }
    store.setFact("place", place);
  }

  #restoreAll(): void {
    this.endpoints.renewSources();
    this.endpoints.restoreAll();
  }
}
