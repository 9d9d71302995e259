// On which nodes a DaemonSet has a pod.

import { describe, expect, test } from "bun:test";
import type { PodSpec } from "kubernetes-types/core/v1";
import type { DaemonSet, Node, Pod } from "#kube/kinds.ts";
import { nodeNamed, nowMs, podNamed } from "#test/lab/objects.ts";
import { planDaemonSet } from "./daemon-set.ts";
import { formatOperation } from "./operation.ts";
import { revisionLabel, revisionNameOf } from "./revision.ts";

function setOf(spec: Partial<PodSpec> = {}, maxUnavailable: number | string = 1): DaemonSet {
  const template = { metadata: { labels: { app: "agent" } }, spec: { containers: [], ...spec } };
  const updateStrategy = { type: "RollingUpdate", rollingUpdate: { maxUnavailable } };
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { namespace: "kube-system", name: "agent", uid: "uid-agent", generation: 1 },
    spec: { selector: {}, template, updateStrategy },
  };
}

function on(node: string, set: DaemonSet, fields: Parameters<typeof podNamed>[1] = {}): Pod {
  return podNamed(`on-${node}`, { node, labels: { [revisionLabel]: revisionNameOf(set) }, ...fields });
}

function lines(set: DaemonSet, nodes: readonly Node[], pods: readonly Pod[]): readonly string[] {
  const { operations } = planDaemonSet(set, nodes, pods, nowMs);
  return operations.map(formatOperation).filter((line) => !line.includes("status"));
}

const tainted = (key: string, effect = "NoSchedule") => ({ spec: { taints: [{ key, effect }] } });
const old = { labels: { [revisionLabel]: "old" } };

describe("planDaemonSet()", () => {
  const set = setOf();
  const two = [nodeNamed("n1"), nodeNamed("n2")];
  const rows: readonly (readonly [
    what: string,
    set: DaemonSet,
    nodes: readonly Node[],
    pods: readonly Pod[],
    lines: readonly string[],
  ])[] = [
    [
      "puts a pod on each node",
      set,
      two,
      [],
      ["create Pod kube-system/agent-* (node n1)", "create Pod kube-system/agent-* (node n2)"],
    ],
    ["has nothing to do then", set, two, [on("n1", set), on("n2", set)], []],
    ["waits for a pod that goes", set, two, [on("n1", set), on("n2", set, { terminating: true })], []],
    ["keeps off a node with a taint", set, [nodeNamed("n1", tainted("mine"))], [], []],
    [
      "goes on a node that takes no other pods",
      set,
      [nodeNamed("n1", tainted("node.kubernetes.io/unschedulable"))],
      [],
      ["create Pod kube-system/agent-* (node n1)"],
    ],
    ["keeps off a node that is not ready", set, [nodeNamed("n1", tainted("node.kubernetes.io/not-ready"))], [], []],
    [
      "goes there when it is the network",
      setOf({ hostNetwork: true, tolerations: [{ operator: "Exists" }] }),
      [nodeNamed("n1", tainted("node.kubernetes.io/not-ready"))],
      [],
      ["create Pod kube-system/agent-* (node n1)"],
    ],
    ["stays on a node that takes no new pods", set, [nodeNamed("n1", tainted("mine"))], [on("n1", set)], []],
    [
      "leaves a node that drives pods away",
      set,
      [nodeNamed("n1", tainted("mine", "NoExecute"))],
      [on("n1", set)],
      ["remove Pod shop/on-n1 (the node no longer fits)"],
    ],
    [
      "follows a node selector",
      setOf({ nodeSelector: { disk: "ssd" } }),
      [nodeNamed("n1"), nodeNamed("n2", { labels: { disk: "ssd" } })],
      [],
      ["create Pod kube-system/agent-* (node n2)"],
    ],
    [
      "replaces a pod that has ended",
      set,
      [nodeNamed("n1")],
      [on("n1", set, { phase: "Failed" })],
      ["remove Pod shop/on-n1 (it has ended)"],
    ],
    [
      "updates one at a time",
      set,
      two,
      [on("n1", set, old), on("n2", set, old)],
      ["remove Pod shop/on-n1 (its template has changed)"],
    ],
    ["waits while one is away", set, two, [on("n1", set, old), on("n2", set, { ready: false })], []],
    [
      "replaces what is broken at once",
      set,
      two,
      [on("n1", set, { ...old, ready: false }), on("n2", set, old)],
      ["remove Pod shop/on-n1 (its template has changed)"],
    ],
  ];
  for (const [what, subject, nodes, pods, expected] of rows)
    test(what, () => expect(lines(subject, nodes, pods)).toEqual([...expected]));
});
