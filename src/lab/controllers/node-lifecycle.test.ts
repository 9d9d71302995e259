// What becomes of a node whose kubelet speaks, complains, or is silent.

import { describe, expect, test } from "bun:test";
import type { Lease, Node, Pod } from "#kube/kinds.ts";
import { nodeNamed, nowMs, podNamed } from "#test/lab/objects.ts";
import { planNode } from "./node-lifecycle.ts";
import { formatOperation } from "./operation.ts";

const graceMs = 40_000;

function lease(renewTime: string): Lease {
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { namespace: "kube-node-lease", name: "n1" },
    spec: { renewTime },
  };
}

const fresh = lease("2026-01-01T00:09:50.000000Z");
const stale = lease("2026-01-01T00:09:00.000000Z");

function lines(node: Node, renewed: Lease, pods: readonly Pod[] = []): readonly string[] {
  return planNode(node, renewed, pods, graceMs, nowMs).operations.map(formatOperation);
}

const unreachable = (timeAdded: string) => ({ key: "node.kubernetes.io/unreachable", effect: "NoExecute", timeAdded });
const patience = (tolerationSeconds?: number) => ({
  tolerations: [
    {
      key: "node.kubernetes.io/unreachable",
      operator: "Exists",
      effect: "NoExecute",
      ...(tolerationSeconds === undefined ? {} : { tolerationSeconds }),
    },
  ],
});

describe("planNode()", () => {
  test("leaves a node that is well alone, and looks again when its lease runs out", () => {
    expect(lines(nodeNamed("n1"), fresh)).toEqual([]);
    expect(planNode(nodeNamed("n1"), fresh, [], graceMs, nowMs).againMs).toBe(30_001);
  });

  test("takes the taint from a node that has become ready", () => {
    const spec = {
      taints: [
        { key: "node.kubernetes.io/not-ready", effect: "NoSchedule" },
        { key: "mine", effect: "NoSchedule" },
      ],
    };
    const [operation] = planNode(nodeNamed("n1", { spec }), fresh, [], graceMs, nowMs).operations;
    expect(operation?.do === "patch" ? operation.patch : undefined).toEqual({
      spec: { taints: [{ key: "mine", effect: "NoSchedule" }] },
    });
  });

  test("taints a node that says it is not ready", () => {
    expect(lines(nodeNamed("n1", { ready: "False" }), fresh)).toEqual(["patch Node n1 (Ready is False)"]);
  });

  test("taints a node that takes no pods", () => {
    const [operation] = planNode(
      nodeNamed("n1", { spec: { unschedulable: true } }),
      fresh,
      [],
      graceMs,
      nowMs,
    ).operations;
    expect(JSON.stringify(operation)).toContain(
      '"taints":[{"key":"node.kubernetes.io/unschedulable","effect":"NoSchedule"}]',
    );
  });

  test("says of a silent node that nothing is known, and of its pods that they are not ready", () => {
    expect(lines(nodeNamed("n1"), stale, [podNamed("a", { node: "n1", spec: patience(300) })])).toEqual([
      "patch Node n1 status (its kubelet is silent)",
      "patch Node n1 (Ready is Unknown)",
      "patch Pod shop/a status (its node is silent)",
    ]);
  });

  const evictions: readonly (readonly [what: string, pod: Pod, gone: boolean])[] = [
    ["a pod that tolerates nothing", podNamed("a", { ready: false }), true],
    ["a pod whose time is over", podNamed("a", { ready: false, spec: patience(60) }), true],
    ["a pod that may stay a while", podNamed("a", { ready: false, spec: patience(600) }), false],
    ["a pod that may stay for ever", podNamed("a", { ready: false, spec: patience() }), false],
    ["a pod that goes already", podNamed("a", { ready: false, terminating: true }), false],
  ];
  for (const [what, pod, gone] of evictions) {
    test(`${gone ? "evicts" : "leaves"} ${what}`, () => {
      const node = nodeNamed("n1", {
        ready: "Unknown",
        spec: {
          taints: [
            { key: "node.kubernetes.io/unreachable", effect: "NoSchedule" },
            unreachable("2026-01-01T00:05:00Z"),
          ],
        },
      });
      expect(lines(node, stale, [pod]).some((line) => line.startsWith("remove"))).toBe(gone);
    });
  }

  test("looks again when the next pod must leave", () => {
    const spec = { taints: [unreachable("2026-01-01T00:09:00Z")] };
    const pod = podNamed("a", { ready: false, spec: patience(90) });
    expect(planNode(nodeNamed("n1", { ready: "Unknown", spec }), stale, [pod], graceMs, nowMs).againMs).toBe(30_000);
  });
});
