// The engine agrees with the documentation: on random clusters, for pairs of ends, protocols and ports, through services too.

import { describe, expect, test } from "bun:test";
import type { KubeObject } from "#kube/object.ts";
import { ip } from "#net/ip.ts";
import { allows, backendsOf as oracleBackends } from "#test/policy/oracle.ts";
import type { OracleCluster, OracleEnd, OracleTraffic } from "#test/policy/oracle-objects.ts";
import { objectsOf } from "#test/policy/oracle-to-objects.ts";
import { endsOf, randomCluster, trafficOf } from "#test/policy/random-cluster.ts";
import { forEachSeed } from "#test/random.ts";
import { evaluate } from "./evaluate.ts";
import type { Traffic } from "./match.ts";
import type { Party } from "./party.ts";
import type { Protocol } from "./rule.ts";
import { backendsOf, type World, worldOf } from "./world.ts";

const clusters = process.env["TWILL_LONG"] === "1" ? 5_000 : 400;

/** The end as the engine knows it, over one family; undefined when it has no address of that family. */
function partyOf(end: OracleEnd, world: World, v6: boolean): Party | undefined {
  const found = knownParty(end, world);
  const addresses = found.addresses.filter((address) => address.includes(":") === v6);
  return addresses.length === 0 ? undefined : { ...found, addresses };
}

function knownParty(end: OracleEnd, { allPods, nodes }: World): Party {
  if ("ip" in end) return { party: "address", addresses: [ip(end.ip)] };
  const name = "pod" in end ? end.pod.name : end.node.name;
  const known = "pod" in end ? allPods.find((each) => each.name === name)?.party : nodes.find((n) => n.name === name);
  if (known === undefined) throw new Error(`${name} is no party`);
  return known;
}

function engineTraffic({ protocol, port }: OracleTraffic): Traffic {
  return { protocol: protocol.toLowerCase() as Protocol, port };
}

function disagree(what: object, { policies, clusterPolicies }: OracleCluster): never {
  throw new Error(`The engine disagrees: ${JSON.stringify({ ...what, policies, clusterPolicies }, null, 1)}`);
}

describe("evaluate()", () => {
  test(`agrees with the documentation on ${clusters} random clusters`, () => {
    let cases = 0;
    let denied = 0;
    forEachSeed(clusters, (random) => {
      const cluster = randomCluster(random);
      const world = worldOf(objectsOf(cluster) as readonly KubeObject[]);
      for (const v6 of [false, true]) {
        for (const from of endsOf(cluster)) {
          for (const to of endsOf(cluster)) {
            const [source, target] = [partyOf(from, world, v6), partyOf(to, world, v6)];
            if (source === undefined || target === undefined) continue;
            const traffic = trafficOf(random);
            const verdict = evaluate(world.policies, source, target, engineTraffic(traffic));
            const expected = allows(cluster, from, to, traffic, v6);
            if (verdict.allowed !== expected) disagree({ from, to, traffic, v6, expected }, cluster);
            cases++;
            if (!expected) denied++;
          }
        }
      }
    });
    // Both answers must be common, or the comparison says little.
    expect(cases).toBeGreaterThan(clusters * 40);
    expect(denied / cases).toBeGreaterThan(0.1);
    expect(denied / cases).toBeLessThan(0.9);
  }, 300_000);
});

describe("backendsOf()", () => {
  test(`finds what the documentation finds on ${clusters} random clusters`, () => {
    let found = 0;
    forEachSeed(clusters, (random) => {
      const cluster = randomCluster(random);
      const world = worldOf(objectsOf(cluster) as readonly KubeObject[]);
      for (const [index, service] of cluster.services.entries()) {
        const entry = world.services[index];
        for (const { name } of service.ports) {
          const expected = oracleBackends(cluster, service, name).map(
            ({ pod, port }) => `${pod.namespace}/${pod.name}:${port}`,
          );
          const port = entry?.ports.find((each) => each.name === name);
          if (entry === undefined || port === undefined) throw new Error(`service ${service.name} is lost`);
          const actual = backendsOf(world, entry, port).map((backend) => `${backend.name}:${backend.port}`);
          expect(actual).toEqual(expected);
          found += actual.length;
        }
      }
    });
    expect(found).toBeGreaterThan(clusters / 10);
  }, 300_000);
});
