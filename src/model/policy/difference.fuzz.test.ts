// Tables that ask once for all who are alike agree with asking for every pair, on random clusters; and so do their differences.

import { describe, expect, test } from "bun:test";
import type { KubeObject } from "#kube/object.ts";
import type { OracleCluster } from "#test/policy/oracle-objects.ts";
import { objectsOf } from "#test/policy/oracle-to-objects.ts";
import { randomCluster, randomPolicies } from "#test/policy/random-cluster.ts";
import { forEachSeed, type Random } from "#test/random.ts";
import { classifierOf } from "./classify.ts";
import { changesBetween, concernedBy } from "./difference.ts";
import { evaluate } from "./evaluate.ts";
import { type Cell, type Member, matrixOf, membersOf } from "./matrix.ts";
import type { Policy } from "./rule.ts";
import { type World, worldOf } from "./world.ts";

const clusters = process.env["TWILL_LONG"] === "1" ? 5_000 : 150;

/** Pods of one namespace with the same label are of one workload. */
function toWorld(cluster: OracleCluster): World {
  const objects = (objectsOf(cluster) as readonly KubeObject[]).map((object) => {
    const name = object.metadata.labels?.["app"];
    if (object.kind !== "Pod" || name === undefined) return object;
    const owner = { apiVersion: "apps/v1", kind: "StatefulSet", name, uid: name, controller: true };
    return { ...object, metadata: { ...object.metadata, ownerReferences: [owner] } };
  });
  return worldOf(objects);
}

/** Every cell by itself. */
function naiveCells(
  { policies }: World,
  members: readonly Member[],
  isMeant: (from: Member, to: Member) => boolean = () => true,
): readonly Cell[] {
  return members.flatMap((from) =>
    members
      .filter((to) => (from.party.party === "pod" || to.party.party === "pod") && isMeant(from, to))
      .flatMap((to) =>
        to.traffic.map((traffic, index) => ({
          ...{ from: from.name, to: to.name, traffic: to.texts[index] ?? "" },
          allowed: evaluate(policies, from.party, to.party, traffic).allowed,
        })),
      ),
  );
}

function naiveChanges(before: World, after: World): readonly Cell[] {
  const apart = [...before.policies, ...after.policies];
  const isConcerned = concernedBy(before, after);
  const tables = [before, after].map((world) =>
    naiveCells(world, membersOf(world, apart), (from, to) => isConcerned(from.party) || isConcerned(to.party)),
  );
  const [was = [], is = []] = tables;
  const keyOf = ({ from, to, traffic }: Cell) => `${from} ${to} ${traffic}`;
  const known = new Map(was.map((cell) => [keyOf(cell), cell.allowed]));
  const there = new Set(is.map(keyOf));
  return [
    ...was.flatMap((cell) => (cell.allowed && !there.has(keyOf(cell)) ? [{ ...cell, allowed: false }] : [])),
    ...is.filter((cell) => (known.get(keyOf(cell)) ?? false) !== cell.allowed),
  ];
}

/** The same cluster with other policies, pods that went and came, and pods that have become others. */
function changed(random: Random, cluster: OracleCluster): OracleCluster {
  const other = randomCluster(random);
  const pods = cluster.pods.flatMap((pod, index) => {
    const kind = random.below(8);
    const labels = other.pods[index]?.labels ?? pod.labels;
    return kind === 0 ? [] : [kind === 1 ? { ...pod, labels } : pod];
  });
  const come = random.chance(4) ? [{ ...cluster.pods[0], name: "pod-new" } as OracleCluster["pods"][number]] : [];
  const kept = cluster.policies.filter(() => random.bool());
  const { policies, clusterPolicies } = randomPolicies(random);
  const renamed = policies.map((each) => ({
    ...each,
    metadata: { ...each.metadata, name: `${each.metadata.name}-new` },
  }));
  return {
    ...cluster,
    pods: [...pods, ...come],
    policies: [...kept, ...renamed],
    clusterPolicies: random.bool() ? cluster.clusterPolicies : clusterPolicies,
  };
}

describe("matrixOf()", () => {
  test(`agrees with every pair asked by itself, on ${clusters} random clusters`, () => {
    let denied = 0;
    forEachSeed(clusters, (random) => {
      const world = toWorld(randomCluster(random));
      const cells = matrixOf(world);
      expect(cells).toEqual([...naiveCells(world, membersOf(world))]);
      denied += cells.filter(({ allowed }) => !allowed).length;
    });
    expect(denied).toBeGreaterThan(clusters);
  }, 300_000);
});

describe("changesBetween()", () => {
  test(`agrees with two tables, on ${clusters} random changes`, () => {
    let changes = 0;
    forEachSeed(clusters, (random) => {
      const cluster = randomCluster(random);
      const [before, after] = [toWorld(cluster), toWorld(changed(random, cluster))];
      const cells = changesBetween(before, after);
      expect(cells).toEqual([...naiveChanges(before, after)]);
      changes += cells.length;
    });
    expect(changes).toBeGreaterThan(clusters);
  }, 300_000);
});

describe("classifierOf()", () => {
  test(`finds alike only pods that every policy treats alike, on ${clusters} random clusters`, () => {
    let alike = 0;
    forEachSeed(clusters, (random) => {
      const { policies, pods } = toWorld(randomCluster(random));
      const classOf = classifierOf(policies);
      for (const [index, one] of pods.entries()) {
        for (const other of pods.slice(index + 1)) {
          if (classOf(one) !== classOf(other)) continue;
          alike++;
          // As a destination its ports count, which are no part of a class.
          const twin = { ...other, ports: one.ports };
          for (const third of pods.filter((each) => each !== one && each !== other)) {
            for (const port of [80, 81, 443]) {
              const traffic = { protocol: "tcp", port } as const;
              const verdicts = (pod: typeof one, all: readonly Policy[]) => [
                evaluate(all, pod, third, traffic).allowed,
                evaluate(all, third, pod, traffic).allowed,
              ];
              expect(verdicts(one, policies)).toEqual(verdicts(twin, policies));
            }
          }
        }
      }
    });
    expect(alike).toBeGreaterThan(clusters / 10);
  }, 300_000);
});
