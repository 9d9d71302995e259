// Where pods go, and why one goes nowhere.

import { describe, expect, test } from "bun:test";
import type { PodSpec } from "kubernetes-types/core/v1";
import type { Node, Pod } from "#kube/kinds.ts";
import { nodeNamed, nowMs, podNamed } from "#test/lab/objects.ts";
import { planScheduling } from "./scheduler.ts";

function place(pods: readonly Pod[], nodes: readonly Node[]): readonly string[] {
  return planScheduling(pods, nodes, nowMs).map((operation) => {
    if (operation.do === "create") return `${operation.object.metadata.name} on ${operation.why}`;
    return operation.do === "patch" ? `${operation.place.name}: ${operation.why}` : "";
  });
}

function waiting(name: string, spec: Partial<PodSpec> = {}, labels: Readonly<Record<string, string>> = {}): Pod {
  return podNamed(name, { phase: "Pending", labels, spec });
}

const owned = (name: string, node?: string) => {
  const ownerReferences = [
    { apiVersion: "apps/v1", kind: "ReplicaSet", name: "web", uid: "uid-web", controller: true },
  ];
  const fields = { metadata: { ownerReferences }, labels: { app: "web" } };
  return node === undefined
    ? { ...waiting(name), metadata: { ...waiting(name).metadata, ownerReferences } }
    : podNamed(name, { ...fields, node });
};

const nodes = [
  nodeNamed("n1", { labels: { zone: "a", disk: "ssd" } }),
  nodeNamed("n2", { labels: { zone: "a" } }),
  nodeNamed("n3", { labels: { zone: "b" } }),
];
const requests = (cpu: string) => ({ containers: [{ name: "c", resources: { requests: { cpu } } }] });
const affine = (topologyKey: string, app = "db") => [{ topologyKey, labelSelector: { matchLabels: { app } } }];

describe("planScheduling()", () => {
  const rows: readonly (readonly [
    what: string,
    pods: readonly Pod[],
    nodes: readonly Node[],
    lines: readonly string[],
  ])[] = [
    ["spreads the pods of one owner", [owned("a"), owned("b"), owned("c")], nodes, ["a on n1", "b on n2", "c on n3"]],
    [
      "fills the node that has fewest of the owner",
      [owned("a", "n1"), owned("b", "n2"), owned("c")],
      nodes,
      ["c on n3"],
    ],
    ["takes the node that a selector names", [waiting("a", { nodeSelector: { disk: "ssd" } })], nodes, ["a on n1"]],
    [
      "keeps off tainted and unschedulable nodes",
      [waiting("a")],
      [
        nodeNamed("n1", { spec: { taints: [{ key: "x", effect: "NoSchedule" }] } }),
        nodeNamed("n2", { spec: { taints: [{ key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" }] } }),
      ],
      ["a: 0/2 nodes are available: 1 node(s) had untolerated taint {x: }, 1 node(s) were unschedulable."],
    ],
    [
      "lets a pod that tolerates in",
      [waiting("a", { tolerations: [{ key: "x", operator: "Exists" }] })],
      [nodeNamed("n1", { spec: { taints: [{ key: "x", effect: "NoSchedule" }] } })],
      ["a on n1"],
    ],
    [
      "counts what is asked for",
      [waiting("a", requests("3")), waiting("b", requests("2"))],
      [nodeNamed("n1")],
      ["a on n1", "b: 0/1 nodes are available: 1 Insufficient cpu."],
    ],
    [
      "counts pods",
      [waiting("a"), waiting("b")],
      [nodeNamed("n1", { allocatable: { pods: "1" } })],
      ["a on n1", "b: 0/1 nodes are available: 1 Too many pods."],
    ],
    [
      "gives a host port once",
      ["a", "b"].map((name) =>
        waiting(name, { containers: [{ name: "c", ports: [{ containerPort: 80, hostPort: 80 }] }] }),
      ),
      [nodeNamed("n1")],
      ["a on n1", "b: 0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports."],
    ],
    [
      "keeps pods together that ask for it",
      [
        podNamed("db", { node: "n3", labels: { app: "db" } }),
        waiting("a", { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: affine("zone") } } }),
      ],
      nodes,
      ["a on n3"],
    ],
    [
      "keeps pods apart that ask for it",
      [
        podNamed("db", { node: "n1", labels: { app: "db" } }),
        waiting("a", {
          affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: affine("zone") } },
        }),
      ],
      nodes,
      ["a on n3"],
    ],
    [
      "starts the first of a group that wants its own kind",
      ["a", "b"].map((name) =>
        waiting(
          name,
          {
            affinity: {
              podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: affine("kubernetes.io/hostname") },
            },
          },
          { app: "db" },
        ),
      ),
      nodes,
      ["a on n1", "b on n1"],
    ],
    [
      "honours the wishes of pods that are there",
      [
        podNamed("db", {
          node: "n1",
          spec: {
            affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: affine("zone", "web") } },
          },
        }),
        waiting("a", {}, { app: "web" }),
      ],
      nodes,
      ["a on n3"],
    ],
    [
      "spreads over domains as far as it must",
      ["a", "b", "c"].map((name) =>
        waiting(
          name,
          {
            topologySpreadConstraints: [
              {
                topologyKey: "zone",
                maxSkew: 1,
                whenUnsatisfiable: "DoNotSchedule",
                labelSelector: { matchLabels: { app: "web" } },
              },
            ],
          },
          { app: "web" },
        ),
      ),
      nodes,
      ["a on n1", "b on n3", "c on n2"],
    ],
    [
      "prefers the node that an affinity prefers",
      [
        waiting("a", {
          affinity: {
            nodeAffinity: {
              preferredDuringSchedulingIgnoredDuringExecution: [
                { weight: 1, preference: { matchExpressions: [{ key: "zone", operator: "In", values: ["b"] }] } },
              ],
            },
          },
        }),
      ],
      nodes,
      ["a on n3"],
    ],
    [
      "serves the higher priority first",
      [waiting("a", requests("3")), { ...waiting("b", { ...requests("3"), priority: 10 }) }],
      [nodeNamed("n1")],
      ["b on n1", "a: 0/1 nodes are available: 1 Insufficient cpu."],
    ],
    ["says that there is no node", [waiting("a")], [], ["a: no nodes available to schedule pods"]],
    ["leaves other schedulers' pods alone", [waiting("a", { schedulerName: "mine" })], nodes, []],
    ["leaves gated pods alone", [waiting("a", { schedulingGates: [{ name: "x" }] })], nodes, []],
  ];
  for (const [what, pods, there, lines] of rows) test(what, () => expect(place(pods, there)).toEqual([...lines]));

  test("says once why a pod waits", () => {
    const [operation] = planScheduling([waiting("a")], [], nowMs);
    const status = operation?.do === "patch" ? (operation.patch as { status: Pod["status"] }).status : undefined;
    expect(planScheduling([{ ...waiting("a"), status: { phase: "Pending", ...status } }], [], nowMs)).toEqual([]);
  });
});
