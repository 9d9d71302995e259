// The resolver says what evaluate() says, of everything that can meet; and a change leaves it as if it had begun anew.

import { describe, expect, test } from "bun:test";
import { verdictOf } from "#model/policy/evaluate.ts";
import { formatProtocol, type Traffic } from "#model/policy/match.ts";
import { formatParty, type Party, type PodParty } from "#model/policy/party.ts";
import { type Direction, formatOrigin } from "#model/policy/rule.ts";
import type { Cidr } from "#net/cidr.ts";
import {
  localNode,
  namespaceNames,
  RandomWorld,
  randomNode,
  randomPod,
  randomPolicy,
  randomTeam,
} from "#test/policy/random-policies.ts";
import { decide } from "#test/policy/resolved.ts";
import { forEachSeed, type Random } from "#test/random.ts";
import { type Identity, Resolver } from "./resolver.ts";

const clusters = process.env["TWILL_LONG"] === "1" ? 20_000 : 1_500;

function resolverOf(world: RandomWorld): Resolver {
  const resolver = new Resolver();
  for (const [name, labels] of world.namespaces) resolver.setNamespace(name, labels);
  for (const [name, node] of world.nodes) resolver.setNode(name, node);
  for (const [name, pod] of world.pods) resolver.setPod(name, pod);
  for (const [name, policies] of world.policies) resolver.setPolicies(name, policies);
  resolver.resolve();
  return resolver;
}

function trafficOf(
  random: Random,
  family: "ipv4" | "ipv6",
): Traffic & { readonly number: number; readonly key: number } {
  const kind = random.below(8);
  if (kind === 0) return { protocol: 47, port: undefined, number: 47, key: 0 };
  if (kind === 1) {
    const icmp = { type: random.pick([family === "ipv4" ? 8 : 128, 3]), code: random.pick([0, 1]) };
    return { protocol: "icmp", port: undefined, icmp, number: 1, key: (icmp.type << 8) | icmp.code };
  }
  const protocol = random.pick(["tcp", "udp", "sctp"] as const);
  const port = random.pick([1, 78, 79, 80, 81, 443, 444, 8080, 65_535]);
  return { protocol, port, number: { tcp: 6, udp: 17, sctp: 132 }[protocol], key: port };
}

type Counts = { cases: number; denied: number; ruled: number };

function compare(world: RandomWorld, resolver: Resolver, random: Random, counts: Counts): void {
  const policies = [...world.policies.values()].flat();
  for (const family of ["ipv4", "ipv6"] as const) {
    const parties = world.parties(family);
    for (const pod of parties) {
      if (pod.party !== "pod" || pod.node !== localNode) continue;
      for (const other of parties) {
        if (other === pod || (other.party === "node" && other.name === localNode)) continue;
        for (const direction of ["ingress", "egress"] as const) {
          compareOne(world, policies, resolver, pod, direction, other, trafficOf(random, family), counts);
        }
      }
    }
  }
}

function compareOne(
  world: RandomWorld,
  policies: Parameters<typeof verdictOf>[0],
  resolver: Resolver,
  pod: PodParty,
  direction: Direction,
  other: Party,
  traffic: ReturnType<typeof trafficOf>,
  counts: Counts,
): void {
  const [address] = other.addresses;
  if (address === undefined) return;
  const expected = verdictOf(policies, pod, direction, other, direction === "ingress" ? pod : other, traffic);
  const actual = decide(resolver, pod, direction, address, traffic.number, traffic.key);
  const text = (allowed: boolean, rule: Parameters<typeof formatOrigin>[0] | undefined) =>
    `${allowed ? "allowed" : "denied"} by ${rule === undefined ? "silence" : formatOrigin(rule)}`;
  const wanted = text(expected.allowed, expected.decidedBy?.rule.origin);
  const found = text(actual.allow, actual.rule);
  counts.cases++;
  if (!expected.allowed) counts.denied++;
  if (expected.decidedBy !== undefined) counts.ruled++;
  if (wanted === found) return;
  const what = `${direction} of ${formatParty(pod)} with ${formatParty(other)} ${formatProtocol(traffic.protocol)}/${traffic.key}`;
  const all = JSON.stringify({ pods: [...world.pods.values()], namespaces: [...world.namespaces], policies }, null, 1);
  throw new Error(`${what}: ${wanted}, the resolver says ${found}: ${all}`);
}

/** Everything that the packet path would be told. */
function dump(resolver: Resolver): unknown {
  const text = (identity: Identity | undefined) => (typeof identity === "object" ? identity.key : identity);
  const { addresses, blocks, pods } = resolver.allChanges();
  const side = (set: NonNullable<ReturnType<Resolver["sets"]["get"]>>, direction: Direction) => [
    set[direction].rest.key,
    [...set[direction].choices].map(([of, list]) => `${of.key} ${list.key}`).sort(),
  ];
  return {
    addresses: [...addresses].sort().flatMap((each) => {
      const identity = text(resolver.identityOf(each));
      return identity === undefined ? [] : [[each, identity]];
    }),
    blocks: [...blocks].sort().map((block) => [block, text(resolver.identityOfBlock(block as Cidr))]),
    pods: [...pods].sort().map((pod) => {
      const set = resolver.setOf(pod);
      return [pod, typeof set === "object" ? set.key : set];
    }),
    sets: [...resolver.sets.values()]
      .sort((a, b) => (a.key < b.key ? -1 : 1))
      .map((set) => [set.key, side(set, "ingress"), side(set, "egress")]),
  };
}

/** Changes something, in the world and in the resolver. */
function change(world: RandomWorld, resolver: Resolver, random: Random): void {
  const index = random.below(5);
  switch (random.below(6)) {
    case 0:
    case 1: {
      const entry = random.chance(4) ? undefined : randomPod(random, index);
      if (entry === undefined) world.pods.delete(`pod-${index}`);
      else world.pods.set(`pod-${index}`, entry);
      resolver.setPod(`pod-${index}`, entry);
      break;
    }
    case 2: {
      const name = random.pick(namespaceNames);
      const labels = randomTeam(random);
      world.namespaces.set(name, labels);
      resolver.setNamespace(name, labels);
      break;
    }
    case 3: {
      const number = 1 + random.below(3);
      const node = number === 1 || !random.chance(4) ? randomNode(random, number) : undefined;
      if (node === undefined) world.nodes.delete(`node${number}`);
      else world.nodes.set(`node${number}`, node);
      resolver.setNode(`node${number}`, node);
      break;
    }
    default: {
      const name = `policy-${index}`;
      const policies = random.chance(3) ? [] : [randomPolicy(random, name)];
      if (policies.length === 0) world.policies.delete(name);
      else world.policies.set(name, policies);
      resolver.setPolicies(name, policies);
    }
  }
}

describe("Resolver", () => {
  test(`agrees with evaluate() on ${clusters} random clusters`, () => {
    const counts: Counts = { cases: 0, denied: 0, ruled: 0 };
    forEachSeed(clusters, (random) => {
      const world = new RandomWorld(random);
      compare(world, resolverOf(world), random, counts);
    });
    // All answers must be common, or the comparison says little.
    expect(counts.cases).toBeGreaterThan(clusters * 20);
    expect(counts.denied / counts.cases).toBeWithin(0.1, 0.9);
    expect(counts.ruled / counts.cases).toBeGreaterThan(0.05);
  }, 120_000);

  test("is after changes as one that begins anew", () => {
    const counts: Counts = { cases: 0, denied: 0, ruled: 0 };
    forEachSeed(clusters / 5, (random) => {
      const world = new RandomWorld(random);
      const resolver = resolverOf(world);
      for (let step = 0; step < 10; step++) {
        for (let many = random.int(1, 4); many > 0; many--) change(world, resolver, random);
        resolver.resolve();
        if (random.bool()) compare(world, resolver, random, counts);
        if (random.bool()) continue;
        resolver.retire();
        expect(dump(resolver)).toEqual(dump(resolverOf(world)));
      }
    });
  }, 120_000);

  test("names what changed, and nothing else needs to be looked at", () => {
    forEachSeed(clusters / 5, (random) => {
      const world = new RandomWorld(random);
      const resolver = resolverOf(world);
      const copy = new Map<string, string>();
      const copyAll = ({ addresses, blocks, pods, choices }: ReturnType<Resolver["takeChanges"]>) => {
        const put = (key: string, value: unknown) =>
          value === undefined ? copy.delete(key) : copy.set(key, String(value));
        const key = (of: Identity | undefined) => (typeof of === "object" ? of.key : of);
        for (const each of addresses) put(each, key(resolver.identityOf(each)));
        for (const each of blocks) put(each, key(resolver.identityOfBlock(each)));
        for (const each of pods) {
          const set = resolver.setOf(each);
          put(each, typeof set === "object" ? set.key : set);
        }
        for (const { set, direction, class: of } of choices) {
          const list = resolver.sets.get(set.key) === set ? set[direction].choices.get(of) : undefined;
          put(`${set.key} ${direction} ${of.key}`, list?.key);
        }
      };
      copyAll(resolver.takeChanges());
      for (let step = 0; step < 8; step++) {
        for (let many = random.int(1, 3); many > 0; many--) change(world, resolver, random);
        resolver.resolve();
        copyAll(resolver.takeChanges());
        resolver.retire();
        copyAll(resolver.takeChanges());
        const kept = new Map(copy);
        copyAll(resolver.allChanges());
        expect(kept).toEqual(copy);
      }
    });
  }, 120_000);
});
