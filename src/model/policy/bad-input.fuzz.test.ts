// Whatever stands in a policy: nothing throws, other policies are not touched, and what cannot be read opens nothing.

import { describe, expect, test } from "bun:test";
import type { KubeObject } from "#kube/object.ts";
import { objectsOf } from "#test/policy/oracle-to-objects.ts";
import { randomCluster } from "#test/policy/random-cluster.ts";
import { forEachSeed, type Random } from "#test/random.ts";
import { describeRule } from "./describe.ts";
import { evaluate } from "./evaluate.ts";
import { explain } from "./explain.ts";
import { lint } from "./lint/lint.ts";
import { formatWarning } from "./lint/warning.ts";
import { worldOf } from "./world.ts";

const odd: readonly unknown[] = [
  null,
  undefined,
  0,
  -1,
  70_000,
  "",
  "odd",
  "10.0.0.0/33",
  true,
  [],
  {},
  [null],
  [[]],
  [{}],
];

/** Everything inside of a value that can be replaced: who holds it, and under which key. */
function placesOf(value: unknown): readonly (readonly [holder: object, key: string])[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [[value, key] as const, ...placesOf(inner)]);
}

/** A copy of a policy in which something below `spec` is odd. */
function broken(policy: KubeObject, random: Random): KubeObject {
  const copy = structuredClone(policy);
  const places = placesOf({ spec: copy["spec"] }).slice(1);
  if (places.length === 0) return { ...copy, spec: random.pick(odd) };
  const [holder, key] = random.pick(places);
  Reflect.set(holder, key, random.pick(odd));
  return copy;
}

/** Two seconds where nobody else works. */
const patienceMs = 30_000;

describe("policies that cannot be read", () => {
  test(
    "are judged, explained and warned of all the same",
    () => {
      let warned = 0;
      forEachSeed(1_500, (random) => {
        const objects = objectsOf(randomCluster(random)) as readonly KubeObject[];
        const written = objects.map((object) =>
          object.kind.endsWith("NetworkPolicy") ? broken(object, random) : object,
        );
        const world = worldOf(written);
        for (const { rules } of world.policies) for (const rule of rules) expect(describeRule(rule)).not.toBe("");
        warned += lint(world, written).map(formatWarning).length;
        const [from, to] = world.pods;
        if (from === undefined || to === undefined) return;
        const traffic = { protocol: "tcp", port: 80 } as const;
        expect(explain(from, to, traffic, evaluate(world.policies, from, to, traffic))).toContain(" → ");
      });
      expect(warned).toBeGreaterThan(1_000);
    },
    patienceMs,
  );

  test("touch no other policy", () => {
    forEachSeed(300, (random) => {
      const objects = objectsOf(randomCluster(random)) as readonly KubeObject[];
      const [spoiled] = objects.filter(({ kind }) => kind === "NetworkPolicy");
      if (spoiled === undefined) return;
      const before = worldOf(objects).policies;
      const after = worldOf(objects.map((object) => (object === spoiled ? broken(object, random) : object))).policies;
      expect(after.slice(1)).toEqual(before.slice(1));
    });
  });

  test("open nothing that they would not open without what is odd", () => {
    const rows: readonly unknown[] = [
      "everything",
      [],
      { from: [{ ipBlock: { cidr: "10.0.0.0" } }] },
      { from: [{ ipBlock: { cidr: "10.0.0.0/8", except: ["x"] } }] },
      { from: [{}] },
      { from: [{ podSelector: null }] },
      { from: [null] },
      { from: { podSelector: {} } },
      { from: "everybody" },
      { from: [{ podSelector: { matchExpressions: [{ key: "a", operator: "Is" }] } }] },
      { ports: [{ protocol: "GRE" }] },
      { ports: [{ port: 80, endPort: 79 }] },
      { ports: [{ endPort: 79 }] },
      { ports: [{ port: "80" }] },
      { ports: [{ port: 0 }] },
      { ports: 80 },
    ];
    for (const rule of rows) {
      const pod = (name: string) => ({ apiVersion: "v1", kind: "Pod", metadata: { namespace: "x", name } });
      const { policies, pods } = worldOf([
        ...[pod("a"), pod("b")],
        {
          ...{ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { namespace: "x", name: "p" } },
          spec: { podSelector: {}, policyTypes: ["Ingress"], ingress: [rule] },
        },
      ]);
      const [from, to] = pods;
      if (from === undefined || to === undefined) throw new Error("two pods are two");
      expect(evaluate(policies, from, to, { protocol: "tcp", port: 80 }).allowed, JSON.stringify(rule)).toBe(false);
    }
  });
});
