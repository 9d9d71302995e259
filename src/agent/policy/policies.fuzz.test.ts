// Random clusters enforced in maps in memory: what the programs make of them is what policies say, after every single write.

import { describe, expect, test } from "bun:test";
import type { Endpoint } from "#agent/state/endpoint.ts";
import type { EndpointPolicy, Settings } from "#datapath/datapath.ts";
import type { PodModel } from "#model/pod.ts";
import { verdictOf } from "#model/policy/evaluate.ts";
import type { Party, PodParty } from "#model/policy/party.ts";
import type { PodEntry } from "#model/policy/resolve/population.ts";
import { cidr } from "#net/cidr.ts";
import { type Ip, ip } from "#net/ip.ts";
import { type Limits, type MemoryMap, MemoryMaps } from "#test/policy/memory-maps.ts";
import { localNode, RandomWorld, randomPod, randomPolicy } from "#test/policy/random-policies.ts";
import { forEachSeed, type Random } from "#test/random.ts";
import { Policies } from "./policies.ts";

const worlds = process.env["TWILL_LONG"] === "1" ? 5_000 : 100;
const tcp = 6;
const ports = [80, 443, 8080];

/** A node's maps, which outlive the agents that write them. */
class Node {
  readonly maps: MemoryMaps;
  readonly sets = new Map<Ip, EndpointPolicy>();
  readonly #writes: (() => void)[] = [];
  generation = 0;

  constructor(limits: Limits = {}) {
    this.maps = new MemoryMaps(limits, () => this.#told());
  }

  onWrite(told: () => void): void {
    this.#writes.splice(0, this.#writes.length, told);
  }

  #told(): void {
    for (const told of this.#writes) told();
  }

  start(): Policies {
    const node = this;
    return new Policies({
      datapath: {
        policy: this.maps,
        policyOf: (address: Ip) => node.sets.get(address),
        get settings() {
          return { generation: node.generation } as Settings;
        },
        set: ({ generation }) => {
          node.generation = generation ?? node.generation;
        },
      },
      carry(endpoint: Endpoint) {
        for (const address of [endpoint.ipv4, endpoint.ipv6]) {
          if (address !== undefined) node.sets.set(address, policies().policyOf(endpoint));
        }
        node.#told();
      },
      cutEstablished: true,
      remembered: {},
      remember: () => {},
      log: () => {},
    });
    function policies(): Policies {
      return running(node);
    }
  }
}

const agents = new WeakMap<Node, Policies>();

function running(node: Node): Policies {
  const agent = agents.get(node);
  if (agent === undefined) throw new Error("no agent runs");
  return agent;
}

function modelOf({ isLocal, ...entry }: PodEntry): PodModel {
  const node = isLocal ? localNode : "node2";
  return { ...entry, uid: "", fileUid: undefined, node, hostPorts: [], isApart: false, wish: undefined };
}

function keyOf({ namespace, name }: PodEntry): string {
  return `${namespace}/${name}`;
}

function endpointOf({ namespace, name, addresses: [ipv4, ipv6] }: PodEntry): Endpoint {
  return { containerId: name, ifname: "eth0", pod: { namespace, name, uid: "" }, ipv4, ipv6 } as Endpoint;
}

/** Starts an agent that has seen all of the world. */
function startAgent(node: Node, world: RandomWorld): Policies {
  const policies = node.start();
  agents.set(node, policies);
  for (const pod of world.pods.values()) if (pod.isLocal) policies.addEndpoint(endpointOf(pod));
  for (const [name, labels] of world.namespaces) policies.setNamespace(name, labels);
  for (const [name, entry] of world.nodes) policies.setNode(name, entry);
  for (const pod of world.pods.values()) policies.setPod(keyOf(pod), modelOf(pod));
  for (const [name, all] of world.policies) policies.setPolicies(name, all);
  policies.begin();
  return policies;
}

type Ask = {
  readonly pod: PodParty;
  readonly other: Party;
  readonly peer: Ip;
  readonly direction: 0 | 1;
  readonly port: number;
};

function* asksOf(world: RandomWorld): Generator<Ask> {
  for (const family of ["ipv4", "ipv6"] as const) {
    const parties = world.parties(family);
    for (const pod of parties) {
      if (pod.party !== "pod" || pod.node !== localNode) continue;
      for (const other of parties) {
        const [peer] = other.addresses;
        if (other === pod || peer === undefined || (other.party === "node" && other.name === localNode)) continue;
        for (const direction of [0, 1] as const) for (const port of ports) yield { pod, other, peer, direction, port };
      }
    }
  }
}

function enforced(node: Node, { pod, peer, direction, port }: Ask): boolean {
  const [own] = pod.addresses;
  const set = own === undefined ? undefined : node.sets.get(own)?.policySet;
  return node.maps.ask(set ?? 1, direction, peer, tcp, port).allow;
}

function expected(world: RandomWorld, { pod, other, direction, port }: Ask): boolean {
  const policies = [...world.policies.values()].flat();
  const traffic = { protocol: "tcp", port } as const;
  return verdictOf(policies, pod, direction === 0 ? "ingress" : "egress", other, direction === 0 ? pod : other, traffic)
    .allowed;
}

function compare(node: Node, world: RandomWorld): void {
  for (const ask of asksOf(world)) {
    if (enforced(node, ask) === expected(world, ask)) continue;
    const { direction, pod, other, port } = ask;
    throw new Error(`wrong ${direction} ${JSON.stringify(pod)} ${JSON.stringify(other)} ${port}`);
  }
}

/** One policy or the labels of one pod: what changes both at once may be seen in any order. */
function changeOne(world: RandomWorld, policies: Policies, random: Random): void {
  const pod = [...world.pods.values()][random.below(world.pods.size)];
  if (pod !== undefined && random.bool()) {
    const { labels, ports } = randomPod(random, 0);
    const changed = { ...pod, labels, ports };
    world.pods.set(pod.name, changed);
    policies.setPod(keyOf(changed), modelOf(changed));
    return;
  }
  const name = `policy-${random.below(5)}`;
  const all = random.chance(3) ? [] : [randomPolicy(random, name)];
  if (all.length === 0) world.policies.delete(name);
  else world.policies.set(name, all);
  policies.setPolicies(name, all);
}

describe("Policies", () => {
  test("no write shows the programs anything but what was or what will be", () => {
    let writes = 0;
    forEachSeed(worlds, (random) => {
      const world = new RandomWorld(random);
      const node = new Node();
      const policies = startAgent(node, world);
      compare(node, world);
      for (let step = 0; step < 4; step++) {
        const before = [...asksOf(world)].map((ask) => enforced(node, ask));
        changeOne(world, policies, random);
        const asks = [...asksOf(world)];
        const after = asks.map((ask) => expected(world, ask));
        node.onWrite(() => {
          writes++;
          for (const [index, ask] of asks.entries()) {
            if (before[index] === after[index]) expect(enforced(node, ask)).toBe(after[index] ?? false);
          }
        });
        policies.flush();
        node.onWrite(() => {});
        compare(node, world);
      }
    });
    expect(writes).toBeGreaterThan(worlds * 4);
  }, 120_000);

  test("an agent that starts again writes nothing, or what has changed since", () => {
    forEachSeed(worlds, (random) => {
      const world = new RandomWorld(random);
      const node = new Node();
      const first = startAgent(node, world);
      for (let step = 0; step < 3; step++) {
        changeOne(world, first, random);
        first.flush();
      }
      let writes = 0;
      node.onWrite(() => writes++);
      const generation = node.generation;
      startAgent(node, world);
      expect([writes, node.generation]).toEqual([0, generation]);
      changeOne(world, node.start(), random);
      startAgent(node, world);
      compare(node, world);
      expect(running(node).problems).toEqual([]);
    });
  }, 120_000);

  test("where something is full, no pod has anything but a complete old set or a complete new one", () => {
    let full = 0;
    forEachSeed(worlds, (random) => {
      const world = new RandomWorld(random);
      const map = random.pick(["identities", "blocks", "sets", "choices", "lists"] as const);
      // The node itself has two addresses.
      const node = new Node({ [map]: random.below(6) + (map === "identities" ? 2 : 0) });
      const policies = startAgent(node, world);
      for (let step = 0; step < 4; step++) {
        changeOne(world, policies, random);
        policies.flush();
        if (policies.problems.length === 0) compare(node, world);
        else full++;
        for (const { policySet: set } of node.sets.values()) expect(set <= 1 || policies.held.sets.has(set)).toBe(true);
      }
      for (const name of world.policies.keys()) policies.setPolicies(name, []);
      world.policies.clear();
      policies.flush();
      policies.retry();
      compare(node, world);
      expect(policies.problems).toEqual([]);
      expect([...node.maps.lists.entries(), ...node.maps.choices.entries(), ...node.maps.sets.entries()]).toEqual([]);
    });
    expect(full).toBeGreaterThan(worlds / 10);
  }, 120_000);

  test("whatever somebody else does to the maps is undone, and nothing else is", () => {
    let mended = 0;
    forEachSeed(worlds, (random) => {
      const world = new RandomWorld(random);
      const node = new Node();
      const policies = startAgent(node, world);
      for (let step = 0; step < 4; step++) {
        changeOne(world, policies, random);
        policies.flush();
        expect([...policies.compare()].flat()).toEqual([]);
        const before = node.generation;
        const harmed = harm(node.maps, random);
        const damage = [...policies.compare()].flat();
        for (const { mend } of damage) mend();
        expect([damage.length, node.generation > before]).toEqual([harmed, harmed > 0]);
        compare(node, world);
        mended += harmed;
      }
    });
    expect(mended).toBeGreaterThan(worlds);
  }, 120_000);
});

/** Deletes, changes or adds an element of each map; how many were harmed. */
function harm({ identities, blocks, sets, choices, lists }: MemoryMaps, random: Random): number {
  const other = (value: number) => value + 1;
  return [
    harmOne(random, identities, ip("10.99.0.1"), other, 17),
    harmOne(random, blocks, cidr("10.99.0.0/16"), other, 17),
    harmOne(random, sets, 99, ({ ingress, egress }) => ({ ingress: egress + 1, egress: ingress }), {
      ingress: 0,
      egress: 0,
    }),
    harmOne(random, choices, { set: 99, direction: 0, identity: 17 }, other, 0),
    harmOne(
      random,
      lists,
      { prefixLength: 32, list: 99, protocol: 0, port: 0 },
      ({ rule, allow }) => ({ rule, allow: 1 - allow }),
      { rule: 0, allow: 1 },
    ),
  ].filter(Boolean).length;
}

function harmOne<K, V>(random: Random, map: MemoryMap<K, V>, strange: K, change: (value: V) => V, value: V): boolean {
  const element = [...map.entries()][random.below(Math.max(map.size, 1))];
  if (random.chance(3)) map.set(strange, value);
  else if (element === undefined) return false;
  else if (random.bool()) map.delete(element[0]);
  else map.set(element[0], change(element[1]));
  return true;
}
