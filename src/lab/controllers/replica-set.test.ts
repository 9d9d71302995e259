// Which pods a ReplicaSet makes and removes.

import { describe, expect, test } from "bun:test";
import type { Pod } from "#kube/kinds.ts";
import { nowMs, podNamed, replicaSetNamed } from "#test/lab/objects.ts";
import { formatOperation } from "./operation.ts";
import { planReplicaSet } from "./replica-set.ts";

function plan(replicas: number, pods: readonly Pod[], minReadySeconds = 0): readonly string[] {
  const set = replicaSetNamed("web", replicas);
  const spec = { ...set.spec, minReadySeconds, selector: {} };
  return planReplicaSet({ ...set, spec }, pods, nowMs).operations.map(formatOperation);
}

describe("planReplicaSet()", () => {
  test("makes what is missing", () => {
    expect(plan(3, [podNamed("a")])).toEqual([
      "create Pod shop/web-* (1 of 3 is there)",
      "create Pod shop/web-* (1 of 3 is there)",
      "patch ReplicaSet shop/web status (1 of 3 ready)",
    ]);
  });

  test("counts no pod that has ended or is going", () => {
    const pods = [podNamed("a"), podNamed("b", { phase: "Failed" }), podNamed("c", { terminating: true })];
    expect(plan(1, pods).filter((line) => !line.includes("status"))).toEqual([]);
  });

  const removed: readonly (readonly [what: string, pods: readonly Pod[], gone: string])[] = [
    ["without a node", [podNamed("a", { node: "n" }), podNamed("b")], "b"],
    ["that does not run", [podNamed("a", { node: "n" }), podNamed("b", { node: "n", phase: "Pending" })], "b"],
    ["that is not ready", [podNamed("a", { node: "n" }), podNamed("b", { node: "n", ready: false })], "b"],
    [
      "that costs less",
      [
        podNamed("a", { node: "n", metadata: { annotations: { "controller.kubernetes.io/pod-deletion-cost": "5" } } }),
        podNamed("b", { node: "n" }),
      ],
      "b",
    ],
    [
      "on the fuller node",
      [podNamed("a", { node: "m" }), podNamed("b", { node: "n" }), podNamed("c", { node: "n" })],
      "b",
    ],
    [
      "that is younger",
      [
        podNamed("a", { node: "n" }),
        podNamed("b", { node: "n", metadata: { creationTimestamp: "2026-01-01T00:05:00Z" } }),
      ],
      "b",
    ],
  ];
  for (const [what, pods, gone] of removed) {
    test(`removes the pod ${what} first`, () => {
      const removals = plan(pods.length - 1, pods).filter((line) => line.startsWith("remove"));
      expect(removals).toEqual([`remove Pod shop/${gone} (${pods.length} of ${pods.length - 1} are there)`]);
    });
  }

  test("waits until a pod has been ready for long enough", () => {
    const set = replicaSetNamed("web", 1, 0);
    const pod = podNamed("a", { since: "2026-01-01T00:09:55Z" });
    const spec = { ...set.spec, minReadySeconds: 20, selector: {} };
    expect(planReplicaSet({ ...set, spec }, [pod], nowMs).againMs).toBe(15_000);
  });

  test("has nothing to do when all is as it should be", () => {
    const set = replicaSetNamed("web", 1);
    const pod = podNamed("a", { labels: { app: "web" } });
    const [report] = planReplicaSet(set, [pod], nowMs).operations;
    const status = report?.do === "patch" ? (report.patch as { status: object }).status : {};
    const next = { ...set, status: { replicas: 0, ...status } };
    expect(planReplicaSet(next, [pod], nowMs).operations).toEqual([]);
  });
});
