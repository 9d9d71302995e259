// Services of one node: follows the cluster, keeps maps, devices, sockets and rules, and answers who asks for health.
//
//   ServiceView, pods, nodes, devices ──► dirty owners ──► Services ──► maps
//                                                              └──► gone ──► StaleFlows

import { join } from "node:path";
import { Announcer } from "#agent/announce/announcer.ts";
import { announcersOf } from "#agent/announce/want.ts";
import type { AgentConfig } from "#agent/config/config.ts";
import { Devices } from "#agent/devices/devices.ts";
import type { OwnTable } from "#agent/own-table.ts";
import { addressesOf, type Endpoint, type PodName } from "#agent/state/endpoint.ts";
import { messageOf } from "#base/error-message.ts";
import type { Metrics } from "#base/metrics.ts";
import type { Datapath } from "#datapath/datapath.ts";
import { attachSockets, rootCgroup } from "#datapath/sockets.ts";
import type { KubeClient } from "#kube/client.ts";
import type { Pace } from "#kube/reflect.ts";
import type { NodeModel } from "#model/node.ts";
import type { PodModel } from "#model/pod.ts";
import { isPodOwner, podOwner } from "#model/service/host-port.ts";
import { contains } from "#net/cidr.ts";
import { type Ip, ip } from "#net/ip.ts";
import type { Host } from "#plugins/host.ts";
import { AddressBook } from "./address-book.ts";
import { takeOver } from "./adopt.ts";
import { Affinities } from "./affinities.ts";
import { answerHealthz, countLocal, HealthChecks, pathOf } from "./health-check.ts";
import { HealthPort } from "./health-port.ts";
import { SpecialNamespaces } from "./namespaces.ts";
import { reserveTranslated, translatedPorts } from "./port-range.ts";
import { openRefusals, refusalText } from "./refusals.ts";
import { Rounds } from "./rounds.ts";
import { Services } from "./services.ts";
import { StaleFlows } from "./stale.ts";
import { ServiceView } from "./view.ts";
import { rankOf, type ServiceSide, type Want, wantHostPorts, wantNothing, wantService } from "./want.ts";

export type NodeServicesOptions = {
  readonly config: AgentConfig;
  readonly host: Host;
  readonly client: KubeClient;
  readonly pace: Pace;
  readonly nodeName: string;
  readonly datapath: Datapath;
  /** Where maps are pinned. */
  readonly pins: string;
  readonly self: () => NodeModel | undefined;
  readonly nodes: () => readonly NodeModel[];
  /** Of this node. */
  readonly endpoints: () => readonly Endpoint[];
  readonly podOf: (pod: PodName) => Pick<PodModel, "hostPorts" | "createdMs" | "seesServices"> | undefined;
  readonly metrics: Metrics;
  readonly log: (line: string) => void;
};

/** Ports of the node are there for its own processes by these, too: programs at sockets see to it that nobody else has them. */
const loopback: readonly Ip[] = [ip("127.0.0.1"), ip("::1")];
const healthzLack = "Nobody answers for this node's services (/healthz) on port";
const zoneLabel = "topology.kubernetes.io/zone";
/** Rules and settings that somebody takes away tell nobody. */
const mendMs = 1_000;
/** Services that did not fit are tried again. */
const periodMs = 5_000;
/** Several changes are one look at who has which outer address. */
const settleMs = 100;

export class NodeServices implements AsyncDisposable {
  readonly #options: NodeServicesOptions;
  readonly #stack = new AsyncDisposableStack();
  readonly #services: Services;
  readonly #view: ServiceView;
  readonly #rounds: Rounds;
  readonly #checks: HealthChecks;
  readonly #refusals: OwnTable;
  readonly #namespaces: SpecialNamespaces;
  readonly #announcer: Announcer;
  #isServing = false;
  #announcing: ReturnType<typeof setTimeout> | undefined;
  #devices: Devices | undefined;
  #hasHostBackends = false;
  #side: ServiceSide;
  #book = new AddressBook([]);
  #bookText = "";
  #healthz: HealthPort | undefined;
  #socketProblem: string | undefined;

  /** Resolves when devices and rules are in their places; services follow when the API server has told of all. @throws KernelError */
  static async start(options: NodeServicesOptions): Promise<NodeServices> {
    const services = new NodeServices(options);
    try {
      await services.#start();
    } catch (error) {
      await services[Symbol.asyncDispose]();
      throw error;
    }
    return services;
  }

  private constructor(options: NodeServicesOptions) {
    const { host, datapath, client, pace, log, endpoints } = options;
    this.#options = options;
    this.#side = this.#readSide();
    this.#refusals = openRefusals(host);
    this.#namespaces = new SpecialNamespaces(datapath, host.netns);
    const podNamespaces = () => endpoints().map(({ netns }) => netns);
    const stale = this.#stack.use(
      new StaleFlows({ maps: datapath.connections, netns: host.netns, podNamespaces, log }),
    );
    const affinities = this.#stack.use(new Affinities({ maps: datapath.services, log }));
    this.#services = new Services({
      datapath,
      log,
      nowMs: host.now,
      wantOf: (owner) => this.#wantOf(owner),
      gone: (backends) => {
        stale.forget(backends);
        affinities.forget(backends.map(({ group }) => group));
      },
      came: (places) => stale.forgetBefore(places),
    });
    this.#tell(options.metrics);
    this.#rounds = this.#stack.use(new Rounds({ services: this.#services, nowMs: host.now, log }));
    this.#announcer = this.#stack.use(new Announcer({ connection: host.route(), netns: host.netns, log }));
    this.#stack.defer(() => clearTimeout(this.#announcing));
    this.#checks = this.#stack.use(new HealthChecks(() => this.isHealthy, log));
    this.#view = this.#stack.use(
      new ServiceView({
        ...{ client, pace },
        changed: (name) => {
          this.#rounds.touch([name]);
          this.#announceSoon();
        },
        log,
      }),
    );
  }

  #tell(metrics: Metrics): void {
    const { held } = this.#services;
    metrics.gauge("twill_service_frontends", "Places where services are reached.", () => held.frontends.size);
    metrics.gauge("twill_service_backends", "Endpoints that new connections go to.", () => held.backendCount);
    metrics.gauge("twill_service_problems", "What is amiss with services.", () => this.problems.length);
    metrics.counter(
      "twill_service_mended_total",
      "Elements of the maps of services that were not as they should be.",
      () => this.#rounds.mended,
    );
  }

  /** What keeps the maps. */
  get services(): Services {
    return this.#services;
  }

  get view(): ServiceView {
    return this.#view;
  }

  get side(): ServiceSide {
    return this.#side;
  }

  /** Whether all services have been written once, and sockets are led to them. */
  get isServing(): boolean {
    return this.#isServing;
  }

  /** Whether clients may be sent to this node: also while nobody tells of changes, for what is known is served. */
  get isHealthy(): boolean {
    return this.isServing && this.#socketProblem === undefined;
  }

  /** What is amiss, a sentence each. */
  get problems(): readonly string[] {
    const own = [this.#socketProblem, this.#healthz?.problem].filter((problem) => problem !== undefined);
    return [...own, ...this.#view.problems, ...this.#services.problems, ...this.#checks.problems];
  }

  /** Nodes, their addresses or their blocks may be others. */
  nodesChanged(): void {
    const nodes = this.#options.nodes();
    const text = JSON.stringify(nodes.map(({ name, addresses, blocks }) => [name, addresses, blocks]));
    const side = this.#readSide();
    const isSame = text === this.#bookText && JSON.stringify(side) === JSON.stringify(this.#side);
    this.#setNode();
    this.#devices?.wake();
    this.#announceSoon();
    if (isSame) return;
    this.#bookText = text;
    this.#book = new AddressBook(nodes);
    this.#side = side;
    this.#rounds.touch(this.#owners());
  }

  /** A pod came, changed or is about to go, perhaps one of this node. */
  podChanged({ namespace, name }: Pick<PodName, "namespace" | "name">): void {
    const isHere = this.#options.endpoints().some(({ pod }) => pod?.namespace === namespace && pod.name === name);
    if (!isHere) return;
    this.#rounds.touch([podOwner({ metadata: { namespace, name } })]);
    this.#markNamespaces();
  }

  /** What an owner wants: for whoever asks what a service is. */
  wantOf(owner: string): Want {
    return this.#wantOf(owner);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  async #start(): Promise<void> {
    const { host, config, datapath, log } = this.#options;
    this.#ensure();
    this.#markNamespaces();
    this.#devices = this.#stack.use(
      await Devices.start({
        ...{ connection: host.route(), netns: host.netns, datapath, log },
        nodeAddresses: () => this.#nodeAddresses(),
        named: config.services.devices,
        changed: () => this.nodesChanged(),
      }),
    );
    this.nodesChanged();
    const mending = setInterval(() => this.#ensure(), mendMs);
    this.#stack.defer(() => clearInterval(mending));
    const period = setInterval(() => {
      this.#markNamespaces();
      this.#healthz?.ensure();
      this.#checks.ensure();
      this.#rounds.touch([...this.#services.waiting, ...this.#podOwners()]);
      this.#announceSoon();
    }, periodMs);
    this.#stack.defer(() => clearInterval(period));
    // Ports of the machine; a node that is a namespace of a test has none of its own.
    if (host.netns === undefined && config.services.healthzPort !== 0) this.#serveHealthz(config.services.healthzPort);
    void this.#view.synced.then(async () => {
      await this.#rounds.load(this.#owners());
      // Stopped meanwhile: what is written is not all.
      if (!this.#rounds.isSynced) return;
      // What the lists have left goes now, rather than when the heap has grown by as much again.
      Bun.gc(true);
      takeOver(this.#options);
      this.#attachSockets();
      this.#isServing = true;
      this.#announceSoon();
    });
  }

  #announceSoon(): void {
    if (this.isServing) this.#announcing ??= setTimeout(() => this.#announce(), settleMs);
  }

  /** Which node answers for each outer address that nodes are to answer for; undefined: none can. */
  get announcers(): ReadonlyMap<Ip, string | undefined> {
    const { nodes, config } = this.#options;
    const isOpen = (address: Ip) =>
      config.services.announce.some((block) => contains(block, address)) && this.#book.ownerOf(address) === undefined;
    return announcersOf(this.#view.balanced, nodes(), isOpen);
  }

  #announce(): void {
    this.#announcing = undefined;
    const { nodeName, log } = this.#options;
    try {
      const own = [...this.announcers].flatMap(([address, node]) => (node === nodeName ? [address] : []));
      this.#announcer.ensure(own, this.#devices?.list ?? []);
    } catch (error) {
      log(`announce: ${messageOf(error)}`);
    }
  }

  #ensure(): void {
    const { host, log } = this.#options;
    try {
      this.#setNode();
      if (reserveTranslated(host.netns)) log("services: reserved the ports of translated connections");
      this.#announcer.keep();
      if (this.#refusals.ensure(refusalText)) log("services: wrote the rules that answer what is refused");
    } catch (error) {
      log(`services: ${messageOf(error)}`);
    }
  }

  #markNamespaces(): void {
    const { endpoints, podOf } = this.#options;
    const seeing = endpoints().filter(({ pod }) => pod !== undefined && podOf(pod)?.seesServices === true);
    this.#namespaces.ensure(seeing.map(({ netns }) => netns));
  }

  /** What translated connections come from. */
  #setNode(): void {
    const { ipv4, ipv6 } = this.#options.self()?.addresses ?? {};
    const { datapath } = this.#options;
    const { node, firstPort, lastPort } = datapath.settings;
    const { first, last } = translatedPorts;
    if (node.ipv4 === ipv4 && node.ipv6 === ipv6 && firstPort === first && lastPort === last) return;
    datapath.set({ node: { ipv4, ipv6 }, firstPort: first, lastPort: last });
  }

  #attachSockets(): void {
    const { config, datapath, pins, log } = this.#options;
    try {
      const cgroup = config.services.cgroup ?? rootCgroup(join(config.state.folder, "cgroup"));
      this.#stack.use(attachSockets({ datapath, cgroup, pins }));
      log(`services: sockets below ${cgroup} are led to endpoints`);
    } catch (error) {
      this.#socketProblem = messageOf(error);
      log(`services: ${this.#socketProblem}`);
    }
  }

  #serveHealthz(port: number): void {
    const { host, self, log } = this.#options;
    const answer = (request: Request) => {
      const nowMs = host.now();
      const eligible = self()?.leaving === false;
      return answerHealthz(pathOf(request), { healthy: this.isHealthy, eligible, updatedMs: nowMs, nowMs });
    };
    this.#healthz = this.#stack.use(new HealthPort({ port, lack: healthzLack, answer, log }));
  }

  #owners(): readonly string[] {
    return [...this.#view.names, ...this.#podOwners()];
  }

  /** Of pods that have ports of the host, and of those that had. */
  #podOwners(): readonly string[] {
    const local = this.#options.endpoints().filter(({ mapsPorts }) => mapsPorts);
    const owners = local.flatMap(({ pod }) => (pod === undefined ? [] : [podOwner({ metadata: pod })]));
    return [...owners, ...[...this.#services.owners].filter(isPodOwner)];
  }

  #wantOf(owner: string): Want & { readonly rank: string } {
    const model = this.#view.service(owner);
    if (model !== undefined) {
      this.#setHealthCheck(owner, model.healthCheckNodePort);
      const want = wantService(model, this.#view.slicesOf(owner), this.#side, this.#book);
      this.#noteHostBackends(want);
      return { ...want, rank: rankOf(Date.parse(model.createdAt), owner) };
    }
    this.#setHealthCheck(owner, 0);
    const endpoint = this.#options
      .endpoints()
      .find(({ pod, mapsPorts }) => mapsPorts && pod !== undefined && podOwner({ metadata: pod }) === owner);
    const wishes = endpoint?.pod === undefined ? undefined : this.#options.podOf(endpoint.pod);
    if (endpoint === undefined || wishes === undefined) return { ...wantNothing, rank: owner };
    const want = wantHostPorts({ owner, ports: wishes.hostPorts, addresses: addressesOf(endpoint) }, this.#side);
    return { ...want, rank: rankOf(wishes.createdMs, owner) };
  }

  /** What the node itself says is looked at from then on. */
  #noteHostBackends({ frontends }: Want): void {
    const { datapath } = this.#options;
    if (this.#hasHostBackends) return;
    const own = new Set(this.#side.portAddresses);
    const isOwn = frontends.some(({ inside, outside }) =>
      [...inside.targets, ...outside.targets].some(({ address }) => own.has(address)),
    );
    if (!isOwn) return;
    datapath.set({ hasHostBackends: true });
    this.#hasHostBackends = true;
  }

  #setHealthCheck(service: string, port: number): void {
    if (this.#options.host.netns !== undefined || port === 0) this.#checks.set(service, undefined);
    else
      this.#checks.set(service, {
        service,
        port,
        localEndpoints: countLocal(this.#view.slicesOf(service), this.#side.node),
      });
  }

  #nodeAddresses(): readonly Ip[] {
    return Object.values(this.#options.self()?.addresses ?? {});
  }

  #readSide(): ServiceSide {
    const { config, nodeName, self } = this.#options;
    const found = this.#devices?.list.flatMap(({ addresses }) => addresses) ?? [];
    const chosen = config.services.nodePortAddresses;
    const all = [...new Set([...this.#nodeAddresses(), ...found, ...loopback])];
    const others = this.#options
      .nodes()
      .flatMap(({ name, addresses }) => (name === nodeName ? [] : Object.values(addresses)));
    const isOpen = (address: Ip) => chosen.length === 0 || chosen.some((block) => contains(block, address));
    return {
      node: nodeName,
      zone: self()?.labels[zoneLabel],
      portAddresses: all.filter(isOpen),
      directReturn: config.fabric.mode === "direct" ? { otherNodes: others.filter(isOpen) } : undefined,
    };
  }
}
