// The packet path in the kernel: its programs in their places, its maps as the agent writes them.
//
//   block of all pods, ingress ── from_pod        overlay's device ── from_overlay
//   block of all pods, egress ─── to_pod          node's devices ──── from_net

import { readFileSync } from "node:fs";
import { type Damage, KeptMap, keptIn } from "#bpf/kept-map.ts";
import { BpfMap, type MapFormat, readPerCpu } from "#bpf/map.ts";
import { encode, type Infer } from "#codec/codec.ts";
import type { CgroupHook } from "#kernel/bpf-link.ts";
import { BpfObject, type MapShape } from "#kernel/bpf-object.ts";
import type { Cidr } from "#net/cidr.ts";
import type { Ip } from "#net/ip.ts";
import { type Mac, mac } from "#net/mac.ts";
import type { Connection } from "#netlink/connection.ts";
import type { Request } from "#netlink/message.ts";
import packetPath from "../../dist/bpf/twill.bpf.o" with { type: "file" };
import { connectionsFormat, translationsFormat } from "./connection-format.ts";
import {
  countersFormat,
  endpointFlags,
  endpointsFormat,
  type Outcome,
  outcomes,
  peersFormat,
  peerTunnel,
  settingFlags,
  settingsFormat,
  sourceFlags,
  sourcesFormat,
} from "./formats.ts";
import { Migration } from "./migration.ts";
import { pacesFormat, toPace } from "./pace-format.ts";
import { makeWay } from "./pins.ts";
import { type Blocks, type DeviceProgram, defaultBlocks, Places } from "./places.ts";
import {
  blocksFormat,
  denialsFormat,
  identitiesFormat,
  listChoicesFormat,
  listsFormat,
  policySet,
  policySetsFormat,
} from "./policy-format.ts";
import {
  affinitiesFormat,
  backendsFormat,
  frontendsFormat,
  maglevFormat,
  namespacesFormat,
  slotsFormat,
  sourceRangesFormat,
} from "./service-format.ts";

const noSettings: Settings = {
  ...{ tunnelIfindex: 0, tunnelId: 0, tunnelMac: mac("00:00:00:00:00:00"), tunnelPort: 0, generation: 0 },
  ...{ node: { ipv4: undefined, ipv6: undefined }, firstPort: 0, lastPort: 0, hasHostBackends: false },
};

type SettingsEntry = Infer<typeof settingsFormat.value>;

/** A pod of this node as the packet path knows it. */
export type EndpointEntry = {
  readonly id: number;
  readonly ifindex: number;
  readonly mtu: number;
  readonly mac: Mac;
  readonly hostMac: Mac;
  readonly ipv4: Ip | undefined;
  readonly ipv6: Ip | undefined;
  /** Its packets go over the node's end of its link, where something shapes them. */
  readonly byLink?: boolean;
  /** What policies make of it; `policySet.closed` unless given. */
  readonly policySet?: number;
  /** What is open stays open, also when a policy forbids it since. */
  readonly keepsConnections?: boolean;
  /** `paced`: how fast it may send, and how much at once. */
  readonly shaping?: { readonly paced?: Pace | undefined } | undefined;
};

export type Pace = { readonly rateBytes: number; readonly burstBytes: number };

/** What policies make of a pod of this node. */
export type EndpointPolicy = { readonly policySet: number; readonly keepsConnections: boolean };

/** What the node has once; each field stays as it was unless given. */
export type Settings = {
  /** 0: this node has no overlay. */
  readonly tunnelIfindex: number;
  readonly tunnelId: number;
  readonly tunnelMac: Mac;
  /** UDP port of the underlay that the overlay is carried on; 0: none. */
  readonly tunnelPort: number;
  /** Of the policies: connections that an earlier one allowed are judged again. */
  readonly generation: number;
  /** What translated connections to other nodes' pods come from. */
  readonly node: { readonly ipv4: Ip | undefined; readonly ipv6: Ip | undefined };
  readonly firstPort: number;
  readonly lastPort: number;
  /** Whether a service has a backend in the node's own network: what the node says is then looked at. */
  readonly hasHostBackends: boolean;
};

/** Another node's block of pods; without `tunnel` the kernel's routes lead there. */
export type PeerEntry = { readonly block: Cidr; readonly node: Ip; readonly mac: Mac; readonly tunnel: boolean };

export type DatapathOptions = {
  /** A folder on a bpf file system; undefined: nothing outlives the process. */
  readonly pins: string | undefined;
  readonly blocks?: Blocks;
  /**
   * Whether the kernel translates services' addresses, as kube-proxy makes it do: the programs then leave all packets to its routing,
   * check senders, and count. False unless given.
   */
  readonly kernelTranslates?: boolean;
  /** Entries of maps, by name, where they are not to be as many as the headers say. */
  readonly sizes?: Readonly<Record<string, number>>;
  /** Told what was taken over from maps of earlier releases. */
  readonly log?: (line: string) => void;
};

export type Counts = { readonly [O in Outcome]: { readonly packets: bigint; readonly bytes: bigint } };

/** Loads the programs, takes the pinned maps up again, and writes them. One per node. */
export class Datapath implements Disposable {
  readonly #object: BpfObject;
  readonly #places: Places;
  readonly #migration: Migration | undefined;
  readonly #endpoints;
  readonly #sources;
  readonly #paces;
  readonly #peers;
  readonly #settings;
  readonly #flags: number;
  #isHeldBack = false;
  /** How fast pods may send, by their links: the map's elements change as they do. */
  readonly #limits = new Map<number, ReturnType<typeof toPace>>();
  /** What the map of settings is to hold. */
  #wanted: SettingsEntry;
  /** Who is who, and who may speak with whom: written by whoever resolves policies. */
  readonly policy;
  /** Written by whoever follows services. */
  readonly services;
  /** Written by the programs. */
  readonly connections;

  /** @throws KernelError when libbpf is missing or the kernel refuses a program */
  constructor({ pins, blocks = defaultBlocks, kernelTranslates = false, sizes = {}, log = () => {} }: DatapathOptions) {
    this.#flags = kernelTranslates ? settingFlags.kernelTranslates : settingFlags.services;
    this.#object = new BpfObject(readFileSync(packetPath), {
      pinPath: (map) => (pins === undefined || isInternal(map) ? undefined : makeWay(pins, map)),
      entries: (name) => sizes[name],
    });
    this.#places = new Places(this.#object, blocks);
    const maps = this.#object.maps.filter((map) => !isInternal(map));
    const mapFd = (name: string) => this.#object.mapFd(name);
    this.#migration = pins === undefined ? undefined : new Migration({ folder: pins, maps, mapFd, log });
    this.#endpoints = this.#keep(endpointsFormat, (address) => `endpoint ${address}`);
    this.#sources = this.#keep(sourcesFormat, (ifindex) => `source ${ifindex}`);
    this.#paces = this.#map(pacesFormat);
    this.#peers = this.#map(peersFormat);
    this.#settings = this.#map(settingsFormat);
    this.policy = {
      identities: this.#map(identitiesFormat),
      blocks: this.#map(blocksFormat),
      sets: this.#map(policySetsFormat),
      choices: this.#map(listChoicesFormat),
      lists: this.#map(listsFormat),
      denials: this.#map(denialsFormat),
    };
    this.services = {
      frontends: this.#map(frontendsFormat),
      slots: this.#map(slotsFormat),
      backends: this.#map(backendsFormat),
      maglev: this.#map(maglevFormat),
      sourceRanges: this.#map(sourceRangesFormat),
      affinities: this.#map(affinitiesFormat),
      namespaces: this.#map(namespacesFormat),
    };
    this.connections = { connections: this.#map(connectionsFormat), translations: this.#map(translationsFormat) };
    this.#wanted = this.#settings.get(0) ?? { ...noSettings, flags: 0 };
    this.#isHeldBack = !kernelTranslates && (this.#wanted.flags & settingFlags.kernelTranslates) !== 0;
    this.set({});
  }

  get blocks(): Blocks {
    return this.#places.blocks;
  }

  /** Whether the kernel still translates, as an earlier agent has wanted it: until `translate`, for the maps of services may be empty. */
  get isHeldBack(): boolean {
    return this.#isHeldBack;
  }

  /** What the kernel has translated up to now is known by the maps of connections: the programs go on with it. */
  translate(): void {
    this.#isHeldBack = false;
    this.set({});
  }

  #map<K, V>(format: MapFormat<K, V>): BpfMap<K, V> {
    return new BpfMap(format, this.#object.mapFd(format.name));
  }

  /** A small map of which the process has a copy. */
  #keep<K extends string | number, V>(format: MapFormat<K, V>, what: (key: K) => string): KeptMap<K, V> {
    return new KeptMap(this.#map(format), keptIn(new Map<K, V>(), what));
  }

  /** As `Places` says. @throws KernelError */
  attachPods(connection: Connection): void {
    this.#places.attachPods(connection);
  }

  /** @throws KernelError */
  missingPrograms(connection: Connection): readonly Damage[] {
    return this.#places.missingPrograms(connection);
  }

  joinBlocks(ifindex: number): Request {
    return this.#places.joinBlocks(ifindex);
  }

  /** @throws KernelError */
  attachDevice(connection: Connection, ifindex: number, program: DeviceProgram): void {
    this.#places.attachDevice(connection, ifindex, program);
  }

  /** @throws KernelError */
  isAttached(connection: Connection, ifindex: number, program: DeviceProgram): boolean {
    return this.#places.isAttached(connection, ifindex, program);
  }

  /** Who may send comes before who can be reached: a pod's first answer must find both. */
  setEndpoint({ id, ifindex, mtu, mac, hostMac, ipv4, ipv6, ...options }: EndpointEntry): void {
    const { byLink = false, policySet: set = policySet.closed, keepsConnections = false, shaping } = options;
    const flags = (byLink ? endpointFlags.byLink : 0) | (keepsConnections ? endpointFlags.keepsConnections : 0);
    if (shaping?.paced === undefined) this.#endPace(ifindex);
    else this.#setPace(ifindex, toPace(shaping.paced));
    const paced = shaping?.paced === undefined ? 0 : sourceFlags.paced;
    this.#sources.set(ifindex, { addresses: { ipv4, ipv6 }, id, flags: paced });
    for (const address of [ipv4, ipv6]) {
      if (address === undefined) continue;
      this.#endpoints.set(address, { ifindex, id, mtu, mac, hostMac, policySet: set, flags });
    }
  }

  /** What was last told of the policies of a pod with this address. */
  policyOf(address: Ip): EndpointPolicy | undefined {
    const entry = this.#endpoints.get(address);
    if (entry === undefined) return undefined;
    return { policySet: entry.policySet, keepsConnections: (entry.flags & endpointFlags.keepsConnections) !== 0 };
  }

  /** The node's settings as they are. */
  get settings(): Settings {
    const { flags, ...settings } = this.#wanted;
    return { ...settings, hasHostBackends: (flags & settingFlags.hostBackends) !== 0 };
  }

  /** Changes what is given of the node's settings, in one step. */
  set(change: Partial<Settings>): void {
    const { hasHostBackends, ...settings } = { ...this.settings, ...change };
    const flags = this.#isHeldBack ? settingFlags.kernelTranslates : this.#flags;
    this.#wanted = { ...settings, flags: flags | (hasHostBackends ? settingFlags.hostBackends : 0) };
    this.#settings.set(0, this.#wanted);
  }

  removeEndpoint({ ifindex, ipv4, ipv6 }: Pick<EndpointEntry, "ifindex" | "ipv4" | "ipv6">): void {
    for (const address of [ipv4, ipv6]) {
      // The address may be somebody else's already.
      if (address !== undefined && this.#endpoints.get(address)?.ifindex === ifindex) this.#endpoints.delete(address);
    }
    this.#sources.delete(ifindex);
    this.#endPace(ifindex);
  }

  #setPace(ifindex: number, limit: ReturnType<typeof toPace>): void {
    this.#paces.set(ifindex, limit);
    this.#limits.set(ifindex, limit);
  }

  #endPace(ifindex: number): void {
    this.#paces.delete(ifindex);
    this.#limits.delete(ifindex);
  }

  /** Host ends that the maps know, for what must be compared with the links that are there. */
  endpoints(): readonly { readonly address: Ip; readonly ifindex: number; readonly id: number }[] {
    return [...this.#endpoints.all()].map(([address, { ifindex, id }]) => ({ address, ifindex, id }));
  }

  /** Compares what the maps know of the node and its pods with what they were told, a few at a time. @throws KernelError */
  *comparePods(): Generator<readonly Damage[]> {
    const settings = encode(settingsFormat.value, this.#settings.get(0) ?? { ...noSettings, flags: 0 });
    if (!Buffer.from(encode(settingsFormat.value, this.#wanted)).equals(settings)) {
      yield [{ text: "the node's settings had changed", mend: () => this.#settings.set(0, this.#wanted) }];
    }
    for (const [ifindex, limit] of this.#limits) {
      const found = this.#paces.get(ifindex);
      if (found?.rateBytes === limit.rateBytes && found.burstNs === limit.burstNs) continue;
      yield [{ text: `limit of source ${ifindex} had changed`, mend: () => this.#paces.set(ifindex, limit) }];
    }
    yield* this.#sources.compare();
    yield* this.#endpoints.compare();
  }

  setPeer({ block, node, mac, tunnel }: PeerEntry): void {
    this.#peers.set(block, { node, mac, flags: tunnel ? peerTunnel : 0 });
  }

  removePeer(block: Cidr): void {
    this.#peers.delete(block);
  }

  peers(): readonly PeerEntry[] {
    return [...this.#peers.entries()].map(([block, { node, mac, flags }]) => ({
      block,
      node,
      mac,
      tunnel: (flags & peerTunnel) !== 0,
    }));
  }

  /** What became of packets since the maps were made. */
  counts(): Counts {
    const fd = this.#object.mapFd(countersFormat.name);
    const rows = outcomes.map((outcome, index) => {
      const all = readPerCpu(countersFormat, fd, index);
      const sum = (of: (counter: (typeof all)[number]) => bigint) => all.reduce((total, each) => total + of(each), 0n);
      return [outcome, { packets: sum(({ packets }) => packets), bytes: sum(({ bytes }) => bytes) }];
    });
    return Object.fromEntries(rows) as Counts;
  }

  /** For whoever attaches it (sockets.ts). */
  socketProgramFd(hook: CgroupHook): number {
    return this.#object.programFd(`socket_${hook}`);
  }

  /** For tests of single packets. */
  programFd(name: "from_pod" | "to_pod" | "from_net" | "to_net" | "from_overlay"): number {
    return this.#object.programFd(name);
  }

  /** When all programs are in their places: maps of another layout or size that an earlier agent left have no use any more. @throws KernelError */
  finishMigration(): void {
    this.#migration?.finish();
  }

  /** The programs stay in their places, and the maps where they are pinned. */
  [Symbol.dispose](): void {
    this.#migration?.[Symbol.dispose]();
    this.#object[Symbol.dispose]();
  }
}

/** Constants and what the library fills in: they belong to one load of the programs. The library's own names have a dot. */
function isInternal({ name }: MapShape): boolean {
  return name.includes(".");
}
