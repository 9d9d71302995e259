// The endpoints of the node: written down, wired, compared with the kernel, and taken away.
//
//   add:     addresses chosen ─► record "wiring" ─► maps ─► node's side ─► pod's side ─► record "ready"
//   remove:  link marked, routes ─► maps ─► record gone, addresses rest; marked links are removed together a moment later

import type { AddressWish, Ipam } from "#agent/ipam/ipam.ts";
import {
  addressesOf,
  type Endpoint,
  endpointIdOf,
  formatEndpoint,
  hostNameOf,
  hostNamesOf,
  ifindexOf,
  maxSalt,
} from "#agent/state/endpoint.ts";
import type { StateStore } from "#agent/state/store.ts";
import { messageOf } from "#base/error-message.ts";
import type { Damage } from "#bpf/kept-map.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import type { Datapath, EndpointPolicy } from "#datapath/datapath.ts";
import { policySet } from "#datapath/policy-format.ts";
import { isErrno } from "#kernel/errno.ts";
import { Netns, NetnsError } from "#kernel/netns.ts";
import { familyOfCidr, hostCidr } from "#net/cidr.ts";
import type { Ip } from "#net/ip.ts";
import { type Mac, randomMac } from "#net/mac.ts";
import { findLink } from "#netlink/link.ts";
import { ingressQdisc, removeQdisc } from "#netlink/qdisc.ts";
import { formatRoute, type Route, removeRoute } from "#netlink/route.ts";
import type { Host } from "#plugins/host.ts";
import { applyWiring, type Ground } from "./apply.ts";
import { type Detour, isOwnRoute, readDetours } from "./detours.ts";
import { readOutOfBlocks, readWiring } from "./have.ts";
import { formatPart, type Part } from "./part.ts";
import { planWiring } from "./plan.ts";
import { openIfThere, openPodNetns } from "./pod-netns.ts";
import { isReachable, isUp } from "./reach.ts";
import { Roster } from "./roster.ts";
import { moveRubbish } from "./rubbish.ts";
import { readSources, type Sources, sameSources } from "./sources.ts";
import { readStrangers, type Stranger } from "./strangers.ts";
import { wantWiring } from "./want.ts";

/** What a runtime asks for; the agent chooses the rest. */
export type EndpointWish = Pick<
  Endpoint,
  "network" | "containerId" | "ifname" | "netns" | "pod" | "mtu" | "shaping" | "mapsPorts"
> & {
  readonly mac: Mac | undefined;
  readonly addresses: AddressWish | undefined;
};

/** Whoever enforces policies, as endpoints need it. */
export type EndpointPolicies = {
  readonly addEndpoint: (endpoint: Endpoint) => void;
  readonly removeEndpoint: (endpoint: Endpoint) => void;
  readonly policyOf: (endpoint: Endpoint) => EndpointPolicy;
};

export type EndpointsOptions = {
  readonly host: Host;
  readonly store: StateStore;
  readonly ipam: Ipam;
  /** Undefined: the kernel's own routing carries everything. */
  readonly datapath: Datapath | undefined;
  /** The node's own addresses, as the cluster knows them. */
  readonly nodeAddresses: () => readonly Ip[];
  readonly log: (line: string) => void;
  /** What policies make of pods; undefined: they are not enforced, everything is open. */
  readonly policies: EndpointPolicies | undefined;
  /** Told of addresses that have no owner any more. */
  readonly released: (addresses: readonly Ip[]) => void;
};

const open: EndpointPolicy = { policySet: policySet.open, keepsConnections: false };

/** All methods are synchronous: no call sees another one's half-made endpoint. */
export class Endpoints {
  readonly #options: EndpointsOptions;
  readonly #roster: Roster;
  #sources: Sources = {};

  constructor(options: EndpointsOptions) {
    const { store, ipam } = options;
    this.#options = options;
    this.#roster = new Roster(store.endpoints().values(), Number(store.fact("lastId") ?? 0));
    for (const endpoint of this.list()) {
      ipam.take(addressesOf(endpoint), formatEndpoint(endpoint));
      options.policies?.addEndpoint(endpoint);
    }
    for (const { link, addresses } of this.strangers()) {
      ipam.take(addresses, `link ${link.name}`);
      this.#roster.takeId(endpointIdOf(link.index) ?? 0);
    }
  }

  /** Pods' links that no record speaks of. @throws KernelError */
  strangers(): readonly Stranger[] {
    const known = new Set(this.list().map(({ ifindex }) => ifindex));
    return readStrangers(this.#options.host.route(), known);
  }

  list(): readonly Endpoint[] {
    return this.#roster.list();
  }

  find(containerId: string, ifname: string): Endpoint | undefined {
    return this.#roster.find(containerId, ifname);
  }

  byId(id: number): Endpoint | undefined {
    return this.#roster.byId(id);
  }

  byAddress(address: Ip): Endpoint | undefined {
    return this.#roster.byAddress(address);
  }

  /** Wires an interface of a pod. What fails half-way is taken back. @throws CniError, KernelError, StateError, NetnsError */
  add(wish: EndpointWish): Endpoint {
    using netns = openPodNetns(wish.netns, this.#options.host);
    using pod = this.#options.host.routeIn(netns);
    const before = this.find(wish.containerId, wish.ifname);
    if (before !== undefined && findLink(pod, before.ifindex) !== undefined) throw existsAlready(wish);
    if (before !== undefined) this.remove(before);
    try {
      return this.#wire(wish, this.#ground(netns, pod));
    } catch (error) {
      const isTaken = isErrno(error, "EEXIST", "EBUSY") && findLink(pod, wish.ifname) !== undefined;
      throw isTaken ? existsAlready(wish) : error;
    }
  }

  #wire(wish: EndpointWish, ground: Ground): Endpoint {
    const { host, store, ipam } = this.#options;
    const { network, containerId, ifname, netns, pod, mtu, shaping, mapsPorts } = wish;
    const { progress, ...addresses } = ipam.choose(host.now(), wish.addresses);
    const id = this.#roster.chooseId();
    const endpoint: Endpoint = {
      ...{ id, network, containerId, ifname, netns, pod, mtu, shaping, mapsPorts },
      ...addresses,
      mac: wish.mac ?? randomMac(host.random),
      hostMac: randomMac(host.random),
      hostName: hostNameOf(containerId, ifname),
      ifindex: ifindexOf(id),
      state: "wiring",
    };
    store.begin(endpoint, progress);
    this.#remember(endpoint);
    try {
      this.carry(endpoint);
      const ready: Endpoint = { ...this.#make(endpoint, ground), state: "ready" };
      store.update(ready);
      this.#roster.put(ready);
      return ready;
    } catch (error) {
      this.takeBack(endpoint);
      throw error;
    }
  }

  /** Where a link that is removed in a moment still has a name: under another one on the node's side; in the pod it gives way. */
  #make(endpoint: Endpoint, ground: Ground): Endpoint {
    let named = endpoint;
    for (let salt = 1; ; salt++) {
      try {
        applyWiring(planWiring(this.#want(named), []), ground);
        return named;
      } catch (error) {
        if (!isErrno(error, "EEXIST") || salt === maxSalt) throw error;
        const gaveWay = moveRubbish(named.ifname, ground, this.#options.host);
        const isTaken = findLink(ground.node, named.hostName) !== undefined;
        if (!gaveWay && (!isTaken || findLink(ground.pod, named.ifname) !== undefined)) throw error;
        if (!isTaken) continue;
        named = { ...named, hostName: hostNameOf(named.containerId, named.ifname, salt) };
        this.#options.store.update(named);
        this.#remember(named);
      }
    }
  }

  /** Takes an endpoint away as far as it is still there. @throws KernelError, StateError */
  remove(endpoint: Endpoint): void {
    // Somebody else removed it while the caller waited: what was its own may be another one's by now.
    if (this.find(endpoint.containerId, endpoint.ifname)?.id !== endpoint.id) return;
    const { host, store, ipam, datapath } = this.#options;
    const addresses = addressesOf(endpoint);
    const node = { connection: host.route(), netns: host.netns };
    const routes = addresses.map((address) => removeRoute({ dst: hostCidr(address), oif: endpoint.ifindex }));
    // The packet path takes nothing from a pod that it does not know. Without it, the link must be down.
    const isMarked = datapath !== undefined && host.remover.removePair(endpoint.ifindex, node, routes);
    if (!isMarked) {
      this.#removePair(endpoint);
      node.connection.apply(routes);
    }
    datapath?.removeEndpoint(endpoint);
    const nowMs = host.now();
    store.end(endpoint, ipam.releasesOf(endpoint), nowMs);
    ipam.release(addresses, nowMs);
    this.#roster.remove(endpoint);
    this.#options.policies?.removeEndpoint(endpoint);
    this.#options.released(addresses);
  }

  /** Undoes an ADD, whose error the runtime must hear: why it cannot is logged, and DEL, GC or the next start tries again. */
  takeBack(endpoint: Endpoint): void {
    try {
      this.remove(endpoint);
    } catch (error) {
      this.#options.log(`${formatEndpoint(endpoint)}: cannot undo ADD: ${messageOf(error)}`);
    }
  }

  /** Takes away the link of an interface that nothing is written down about: the state file was lost. @throws KernelError */
  removeUnknown(containerId: string, ifname: string): void {
    const names = hostNamesOf({ containerId, ifname });
    for (const stranger of this.strangers()) if (names.includes(stranger.link.name)) this.removeStranger(stranger);
  }

  /** Takes away the links that nothing is written down about, but those of these interfaces. @throws KernelError */
  removeStrangersBut(alive: readonly Pick<Endpoint, "containerId" | "ifname">[]): void {
    const names = new Set(alive.flatMap(hostNamesOf));
    for (const stranger of this.strangers()) if (!names.has(stranger.link.name)) this.removeStranger(stranger);
  }

  /** @throws KernelError */
  removeStranger({ link, addresses }: Stranger): void {
    const { host, ipam, released } = this.#options;
    const place = { connection: host.route(), netns: host.netns };
    host.remover.remove(link, place, place);
    host.route().apply(addresses.map((address) => removeRoute({ dst: hostCidr(address), oif: link.index })));
    ipam.release(addresses, host.now());
    this.#roster.freeId(endpointIdOf(link.index) ?? 0);
    released(addresses);
  }

  /** @throws KernelError */
  isUp(endpoint: Endpoint): boolean {
    return isUp(endpoint, this.#options.host);
  }

  /** @throws KernelError */
  isReachable(endpoint: Endpoint): boolean {
    return isReachable(endpoint, this.#options.host);
  }

  /** Whether the pod's namespace is there, with the link in it. @throws KernelError */
  isAlive(endpoint: Endpoint): boolean {
    using netns = openIfThere(endpoint.netns);
    if (netns === undefined) return false;
    using pod = this.#options.host.routeIn(netns);
    return findLink(pod, endpoint.ifindex) !== undefined;
  }

  /** Looks under which addresses pods see the node; whether that has changed, so that all are to be restored. @throws KernelError */
  renewSources(): boolean {
    const { host, nodeAddresses } = this.#options;
    const sources = readSources(host.route(), nodeAddresses());
    if (sameSources(sources, this.#sources)) return false;
    this.#sources = sources;
    return true;
  }

  /** Restores each; what fails is logged, and does not keep the others from it. */
  restoreAll(): void {
    for (const endpoint of this.list()) {
      try {
        this.restore(endpoint);
      } catch (error) {
        this.#options.log(`${formatEndpoint(endpoint)}: ${messageOf(error)}`);
      }
    }
    this.clearWays();
  }

  /** Routes that take packets for pods ahead of the pods' own. @throws KernelError */
  detours(): readonly Detour[] {
    return readDetours(this.#options.host.route(), (address) => this.byAddress(address));
  }

  /** Takes them away. @throws KernelError */
  clearWays(): void {
    const { host, log } = this.#options;
    for (const { endpoint, route } of this.detours()) {
      host.route().apply([removeRoute(route)]);
      log(
        `${formatEndpoint(endpoint)}: took away ${route.type} route ${formatRoute(route)}, which came before its own`,
      );
    }
  }

  /** Whether this is the route to a pod's address as it should be. */
  isOwnRoute(endpoint: Endpoint, route: Route): boolean {
    return isOwnRoute(endpoint, route) && route.prefSrc === this.#sources[familyOfCidr(route.dst)];
  }

  /** What the kernel lacks of an endpoint, as text; changes nothing. @throws NetnsError, KernelError */
  faults(endpoint: Endpoint): readonly string[] {
    using netns = new Netns(endpoint.netns);
    using pod = this.#options.host.routeIn(netns);
    return this.#missing(endpoint, this.#ground(netns, pod)).map((part) => `there is no ${formatPart(part)}`);
  }

  /**
   * Brings one endpoint back to what it should be. One that was never finished, or whose pod is gone with its link, is
   * removed. @throws KernelError, StateError
   */
  restore(endpoint: Endpoint): void {
    const { log } = this.#options;
    const what = formatEndpoint(endpoint);
    if (endpoint.state === "wiring") {
      log(`${what}: its ADD was never finished, removed`);
      this.remove(endpoint);
      return;
    }
    let netns: Netns;
    try {
      netns = new Netns(endpoint.netns);
    } catch (error) {
      if (!(error instanceof NetnsError)) throw error;
      if (findLink(this.#options.host.route(), endpoint.ifindex) !== undefined) return;
      log(`${what}: its pod is gone, removed`);
      this.remove(endpoint);
      return;
    }
    using _netns = netns;
    using pod = this.#options.host.routeIn(netns);
    const ground = this.#ground(netns, pod);
    this.carry(endpoint);
    const missing = this.#missing(endpoint, ground);
    if (missing.length === 0) return;
    if (missing.some(({ part }) => part === "pair")) this.#removePair(endpoint);
    // Where somebody has put another qdisc.
    else if (missing.some(({ part }) => part === "blocks"))
      ground.node.apply([removeQdisc(ingressQdisc(endpoint.ifindex))]);
    applyWiring(missing, ground);
    for (const part of missing) log(`${what}: put back ${formatPart(part)}`);
  }

  #missing(endpoint: Endpoint, { node, pod }: Ground): readonly Part[] {
    return planWiring(this.#want(endpoint), readWiring(endpoint, node, pod));
  }

  #want(endpoint: Endpoint): readonly Part[] {
    return wantWiring(endpoint, { blocks: this.#options.datapath?.blocks, sources: this.#sources });
  }

  #ground(netns: Netns, pod: Ground["pod"]): Ground {
    const { host, datapath } = this.#options;
    const joinBlocks = datapath === undefined ? undefined : (ifindex: number) => datapath.joinBlocks(ifindex);
    return { node: host.route(), pod, netns, joinBlocks };
  }

  /** Tells the packet path, ahead of the link: a pod's first packet must find its sender known, and policies about it. */
  carry(endpoint: Endpoint): void {
    const { datapath, policies } = this.#options;
    // A bucket waits at the node's end of the link, which packets straight into the pod's namespace do not pass.
    const byLink = endpoint.shaping?.ingress !== undefined;
    datapath?.setEndpoint({ ...endpoint, byLink, ...(policies?.policyOf(endpoint) ?? open) });
  }

  /** Compares what the packet path knows of pods with what it was told, a few at a time. @throws KernelError */
  *compare(): Generator<readonly Damage[]> {
    const { datapath, host } = this.#options;
    if (datapath === undefined) return;
    yield datapath.missingPrograms(host.route());
    for (const endpoint of readOutOfBlocks(this.list(), datapath.blocks, host.route())) this.restore(endpoint);
    yield* datapath.comparePods();
  }

  /** Whichever end is there; its name is free afterwards. */
  #removePair({ netns: path, ifindex, hostName }: Endpoint): void {
    const { host } = this.#options;
    const node = { connection: host.route(), netns: host.netns };
    using netns = openIfThere(path);
    using connection = netns === undefined ? undefined : host.routeIn(netns);
    // By number: at this path another container's namespace may be by now.
    const inside = connection === undefined ? undefined : findLink(connection, ifindex);
    if (connection !== undefined && inside?.info?.kind === "veth") {
      host.remover.remove(inside, { connection, netns }, node);
      return;
    }
    const outside = findLink(node.connection, ifindex);
    if (outside?.name === hostName) host.remover.remove(outside, node, node);
  }

  #remember(endpoint: Endpoint): void {
    this.#roster.put(endpoint);
    this.#options.ipam.take(addressesOf(endpoint), formatEndpoint(endpoint));
    this.#options.policies?.addEndpoint(endpoint);
  }
}

function existsAlready({ ifname, netns }: EndpointWish): CniError {
  return new CniError(
    ErrorCode.invalidEnvironment,
    `CNI_IFNAME "${ifname}" exists already in network namespace "${netns}": choose another name or run DEL first`,
  );
}
