// Objects of a small cluster for tests of plans: as little of each as a plan looks at.

import type { PodSpec, PodStatus } from "kubernetes-types/core/v1";
import type { Node, Pod, ReplicaSet } from "#kube/kinds.ts";
import type { Metadata } from "#kube/object.ts";

/** When the plans of tests are made. */
export const nowMs = Date.parse("2026-01-01T00:10:00Z");
export const longAgo = "2026-01-01T00:00:00Z";

type PodFields = {
  readonly ready?: boolean;
  /** When it became ready or ceased to be. */
  readonly since?: string;
  readonly phase?: PodStatus["phase"];
  readonly node?: string;
  readonly ip?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly terminating?: boolean;
  readonly metadata?: Partial<Metadata>;
  readonly spec?: Partial<PodSpec>;
};

export function podNamed(name: string, fields: PodFields = {}): Pod {
  const { ready = true, since = longAgo, phase = "Running", node, ip, labels = {}, terminating = false } = fields;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      namespace: "shop",
      name,
      uid: `uid-${name}`,
      creationTimestamp: longAgo,
      labels,
      ...(terminating ? { deletionTimestamp: longAgo } : {}),
      ...fields.metadata,
    },
    spec: { containers: [], ...(node === undefined ? {} : { nodeName: node }), ...fields.spec },
    status: {
      phase,
      conditions: [{ type: "Ready", status: ready ? "True" : "False", lastTransitionTime: since }],
      ...(ip === undefined ? {} : { podIP: ip, podIPs: ip.split(" ").map((each) => ({ ip: each })) }),
    },
  };
}

type NodeFields = {
  readonly labels?: Readonly<Record<string, string>>;
  readonly spec?: Node["spec"];
  readonly ready?: string;
  readonly allocatable?: Readonly<Record<string, string>>;
};

export function nodeNamed(
  name: string,
  { labels = {}, spec = {}, ready = "True", allocatable }: NodeFields = {},
): Node {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      uid: `uid-${name}`,
      creationTimestamp: longAgo,
      labels: { "kubernetes.io/hostname": name, ...labels },
    },
    spec,
    status: {
      allocatable: { cpu: "4", memory: "8Gi", pods: "110", ...allocatable },
      conditions: [{ type: "Ready", status: ready }],
    },
  };
}

export function replicaSetNamed(name: string, replicas: number, available = replicas, status = replicas): ReplicaSet {
  return {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: { namespace: "shop", name, uid: `uid-${name}`, creationTimestamp: longAgo, generation: 1 },
    spec: { replicas, selector: { matchLabels: { app: "web" } }, template: { metadata: { labels: { app: "web" } } } },
    status: { replicas: status, availableReplicas: available, readyReplicas: available },
  };
}
