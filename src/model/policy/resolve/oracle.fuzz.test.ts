// The resolver says what the documentation says, by way of the oracle, which knows nothing of the engine.

import { expect, test } from "bun:test";
import type { KubeObject } from "#kube/object.ts";
import type { Party } from "#model/policy/party.ts";
import { type World, worldOf } from "#model/policy/world.ts";
import { type Ip, ip } from "#net/ip.ts";
import { allows } from "#test/policy/oracle.ts";
import type { OracleEnd, OracleTraffic } from "#test/policy/oracle-objects.ts";
import { objectsOf } from "#test/policy/oracle-to-objects.ts";
import { endsOf, randomCluster, trafficOf } from "#test/policy/random-cluster.ts";
import { decide } from "#test/policy/resolved.ts";
import { forEachSeed } from "#test/random.ts";
import { Resolver } from "./resolver.ts";

const clusters = process.env["TWILL_LONG"] === "1" ? 5_000 : 200;
const numbers: Readonly<Record<string, number>> = { ICMP: 1, TCP: 6, UDP: 17, SCTP: 132 };

/** With every pod on this node: the sets of each are resolved. */
function resolverOf({ pods, nodes, namespaces, policies }: World): Resolver {
  const resolver = new Resolver();
  for (const [name, labels] of namespaces) resolver.setNamespace(name, labels);
  for (const { name, labels, addresses } of nodes) resolver.setNode(name, { name, labels, addresses, isSelf: false });
  for (const pod of pods) {
    const ports = pod.ports.filter(({ name }) => name !== "");
    resolver.setPod(pod.name, { ...pod, ports, createdMs: 0, isLocal: true });
  }
  for (const [index, policy] of policies.entries()) resolver.setPolicies(String(index), [policy]);
  resolver.resolve();
  return resolver;
}

function partyOf(end: OracleEnd, { allPods, nodes }: World): Party | undefined {
  if ("ip" in end) return { party: "address", addresses: [ip(end.ip)] };
  const name = "pod" in end ? end.pod.name : end.node.name;
  return "pod" in end ? allPods.find((each) => each.name === name)?.party : nodes.find((each) => each.name === name);
}

/** Pods reach themselves and their nodes whatever policies say: the programs see to that. */
function isExempt(from: Party, to: Party): boolean {
  const isNodeOf = (a: Party, b: Party) => a.party === "node" && b.party === "pod" && b.node === a.name;
  return from === to || isNodeOf(from, to) || isNodeOf(to, from);
}

function decided(
  resolver: Resolver,
  [from, to]: readonly [Party, Party],
  [a, b]: readonly [Ip, Ip],
  { protocol, port = 0 }: OracleTraffic,
): boolean {
  const number = numbers[protocol] ?? 0;
  const egress = from.party !== "pod" || decide(resolver, from, "egress", b, number, port).allow;
  return egress && (to.party !== "pod" || decide(resolver, to, "ingress", a, number, port).allow);
}

test(`the resolver agrees with the documentation on ${clusters} random clusters`, () => {
  let cases = 0;
  let denied = 0;
  forEachSeed(clusters, (random) => {
    const cluster = randomCluster(random);
    const world = worldOf(objectsOf(cluster) as readonly KubeObject[]);
    const resolver = resolverOf(world);
    const ends = endsOf(cluster);
    const pairs = ends.flatMap((from) => ends.map((to) => [from, to] as const));
    for (const v6 of [false, true]) {
      for (const [from, to] of pairs) {
        const [source, target] = [partyOf(from, world), partyOf(to, world)];
        if (source === undefined || target === undefined || isExempt(source, target)) continue;
        const [a, b] = [source, target].map(({ addresses }) => addresses.find((each) => each.includes(":") === v6));
        if (a === undefined || b === undefined) continue;
        const traffic = trafficOf(random);
        const expected = allows(cluster, from, to, traffic, v6);
        if (decided(resolver, [source, target], [a, b], traffic) !== expected) {
          throw new Error(JSON.stringify({ from, to, traffic, v6, expected, cluster }, undefined, 1));
        }
        cases++;
        if (!expected) denied++;
      }
    }
  });
  // Both answers must be common, or the comparison says little.
  expect(cases).toBeGreaterThan(clusters * 20);
  expect(denied / cases).toBeWithin(0.1, 0.9);
}, 300_000);
