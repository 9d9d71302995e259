// Which events come of which operations.

import { describe, expect, test } from "bun:test";
import type { KubeObject } from "#kube/object.ts";
import { nodes, pods, replicaSets } from "#kube/resource.ts";
import { nodeNamed, nowMs, podNamed } from "#test/lab/objects.ts";
import { type Told, toldOf } from "./events.ts";
import { create, patch, patchStatus, remove } from "./operation.ts";
import { planScheduling } from "./scheduler/scheduler.ts";

const owned = (kind: string) => [{ apiVersion: "apps/v1", kind, name: "web", uid: "uid-web", controller: true }];

function pod(kind: string) {
  const { metadata, ...rest } = podNamed("web-1");
  return { ...rest, metadata: { ...metadata, ownerReferences: owned(kind) } };
}

function set(replicas: number) {
  const metadata = { namespace: "shop", name: "web-abc", ownerReferences: owned("Deployment") };
  return { apiVersion: "apps/v1", kind: "ReplicaSet", metadata, spec: { replicas } } as KubeObject & {
    metadata: { name: string };
  };
}

function withReady(status: string) {
  return { ...nodeNamed("n1"), status: { conditions: [{ type: "Ready", status }] } };
}

function show(told: Told | undefined): string {
  if (told === undefined) return "";
  const { object, type, reason, message } = told.note;
  return `${told.component}: ${object.kind} ${[object.namespace, object.name].filter((part) => part !== undefined).join("/")} ${type} ${reason}: ${message}`;
}

describe("toldOf()", () => {
  const [binding] = planScheduling([podNamed("a", { phase: "Pending" })], [nodeNamed("n1")], nowMs);
  const [waiting] = planScheduling([podNamed("a", { phase: "Pending" })], [], nowMs);
  const rows: readonly (readonly [what: string, told: Told | undefined, shown: string])[] = [
    [
      "a pod that got a node",
      binding && toldOf(binding, undefined, undefined),
      "default-scheduler: Pod shop/a Normal Scheduled: Successfully assigned shop/a to n1",
    ],
    [
      "a pod that got none",
      waiting && toldOf(waiting, podNamed("a"), podNamed("a")),
      "default-scheduler: Pod shop/a Warning FailedScheduling: no nodes available to schedule pods",
    ],
    [
      "a pod of a ReplicaSet",
      toldOf(create(pods, pod("ReplicaSet"), ""), undefined, pod("ReplicaSet")),
      "replicaset-controller: ReplicaSet shop/web Normal SuccessfulCreate: Created pod: web-1",
    ],
    [
      "a pod that a DaemonSet removes",
      toldOf(remove(pods, pod("DaemonSet"), ""), pod("DaemonSet"), undefined),
      "daemonset-controller: DaemonSet shop/web Normal SuccessfulDelete: Deleted pod: web-1",
    ],
    [
      "a pod of a StatefulSet",
      toldOf(create(pods, pod("StatefulSet"), ""), undefined, pod("StatefulSet")),
      "statefulset-controller: StatefulSet shop/web Normal SuccessfulCreate: create Pod web-1 in StatefulSet web successful",
    ],
    [
      "a new set",
      toldOf(create(replicaSets, set(3), ""), undefined, set(3)),
      "deployment-controller: Deployment shop/web Normal ScalingReplicaSet: Scaled up replica set web-abc from 0 to 3",
    ],
    [
      "a set that shrinks",
      toldOf(patch(replicaSets, set(3), { spec: { replicas: 1 } }, ""), set(3), set(1)),
      "deployment-controller: Deployment shop/web Normal ScalingReplicaSet: Scaled down replica set web-abc from 3 to 1",
    ],
    ["a set of the same size", toldOf(patch(replicaSets, set(3), { metadata: {} }, ""), set(3), set(3)), ""],
    [
      "another status of a pod",
      toldOf(patchStatus(pods, podNamed("a"), { conditions: [] }, ""), podNamed("a"), podNamed("a")),
      "",
    ],
    [
      "a node that is silent",
      toldOf(patchStatus(nodes, nodeNamed("n1"), {}, ""), withReady("True"), withReady("Unknown")),
      "node-controller: Node n1 Normal NodeNotReady: Node n1 status is now: NodeNotReady",
    ],
    [
      "a node that stays silent",
      toldOf(patchStatus(nodes, nodeNamed("n1"), {}, ""), withReady("Unknown"), withReady("Unknown")),
      "",
    ],
    ["a pod of nobody", toldOf(remove(pods, podNamed("a"), ""), podNamed("a"), undefined), ""],
  ];
  for (const [what, told, shown] of rows) test(what, () => expect(show(told)).toBe(shown));
});
