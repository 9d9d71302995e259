// All that policies are about, from Kubernetes objects: of a cluster, or of a folder of manifests.

import type { PodTemplateSpec, ServicePort } from "kubernetes-types/core/v1";
import type { NetworkPolicy, Node, Pod, Service } from "#kube/kinds.ts";
import type { KubeObject, Metadata } from "#kube/object.ts";
import { type Ip, parseIp } from "#net/ip.ts";
import { fromNetworkPolicy } from "./network-policy.ts";
import { type Labels, type NodeParty, type PodParty, podParty } from "./party.ts";
import type { Policy, Protocol } from "./rule.ts";

export type ServiceEntry = {
  readonly namespace: string;
  readonly name: string;
  readonly selector: Labels;
  readonly addresses: readonly Ip[];
  readonly ports: readonly {
    readonly name: string;
    readonly protocol: Protocol;
    readonly port: number;
    readonly target: number | string;
  }[];
};

export type World = {
  readonly policies: readonly Policy[];
  /** Pods with a network of their own; of a manifest's workload, one that stands for all its replicas. */
  readonly pods: readonly PodParty[];
  readonly nodes: readonly NodeParty[];
  readonly services: readonly ServiceEntry[];
  readonly namespaces: ReadonlyMap<string, Labels>;
};

/** Kubernetes gives every namespace its name as a label. */
const nameLabel = "kubernetes.io/metadata.name";
const workloads: readonly string[] = [
  "Deployment",
  "ReplicaSet",
  "StatefulSet",
  "DaemonSet",
  "Job",
  "ReplicationController",
];

/** Reads objects of any kinds; those that policies are not about are passed over. */
export function worldOf(objects: readonly KubeObject[]): World {
  const namespaces = new Map<string, Labels>();
  for (const { metadata, kind } of objects) {
    const name = kind === "Namespace" ? metadata.name : (metadata.namespace ?? "default");
    if (name === undefined) continue;
    const own = kind === "Namespace" ? metadata.labels : undefined;
    namespaces.set(name, { [nameLabel]: name, ...namespaces.get(name), ...own });
  }
  const labelsOf = (namespace: string) => namespaces.get(namespace) ?? { [nameLabel]: namespace };
  const pods = objects.flatMap((object) => {
    const pod = podOf(object);
    const party = pod === undefined ? undefined : podParty(pod, labelsOf(pod.metadata.namespace ?? "default"));
    if (party === undefined) return [];
    return [isOne(object) ? party : { ...party, several: true as const }];
  });
  return {
    policies: objects.flatMap((object) =>
      isKind(object, "NetworkPolicy") ? [fromNetworkPolicy(object as NetworkPolicy)] : [],
    ),
    pods,
    nodes: objects.flatMap((object) => (isKind(object, "Node") ? [nodeOf(object as Node)] : [])),
    services: objects.flatMap((object) => (isKind(object, "Service") ? [serviceOf(object as Service)] : [])),
    namespaces,
  };
}

function isKind({ apiVersion, kind }: KubeObject, wanted: string): boolean {
  return kind === wanted && (wanted !== "NetworkPolicy" || apiVersion === "networking.k8s.io/v1");
}

/** The pod itself, or what a workload's template makes. */
function podOf(object: KubeObject): Pod | undefined {
  if (object.kind === "Pod") return object as Pod;
  if (!workloads.includes(object.kind)) return undefined;
  // What a controller made has pods of its own.
  if ((object.metadata.ownerReferences ?? []).length > 0) return undefined;
  const spec = object["spec"] as { readonly template?: PodTemplateSpec } | undefined;
  const template = spec?.template;
  if (template?.spec === undefined) return undefined;
  const metadata = {
    namespace: object.metadata.namespace ?? "default",
    name: object.metadata.name ?? "",
    labels: template.metadata?.labels ?? {},
  };
  return { apiVersion: "v1", kind: "Pod", metadata: metadata as Metadata & { name: string }, spec: template.spec };
}

/** Whether an object means a single pod. */
function isOne(object: KubeObject): boolean {
  if (object.kind === "Pod") return true;
  const { replicas = 1 } = (object["spec"] ?? {}) as { readonly replicas?: number };
  return object.kind !== "DaemonSet" && replicas <= 1;
}

function nodeOf({ metadata, status }: Node): NodeParty {
  const addresses = (status?.addresses ?? []).flatMap(({ address }) => parseIp(address) ?? []);
  return { party: "node", name: metadata.name, labels: metadata.labels ?? {}, addresses };
}

function serviceOf({ metadata, spec }: Service): ServiceEntry {
  const all = [...(spec?.clusterIPs ?? [spec?.clusterIP]), ...(spec?.externalIPs ?? [])];
  return {
    namespace: metadata.namespace ?? "default",
    name: metadata.name,
    selector: spec?.selector ?? {},
    addresses: all.flatMap((text) => (text === undefined ? [] : (parseIp(text) ?? []))),
    ports: (spec?.ports ?? []).map(({ name = "", port, protocol = "TCP", targetPort = port }: ServicePort) => ({
      name,
      port,
      protocol: protocol.toLowerCase() as Protocol,
      target: targetPort,
    })),
  };
}

/** The pods behind a service, and the port that one of its ports means on each. */
export function backendsOf(
  { pods }: World,
  { namespace, selector }: ServiceEntry,
  { target, protocol }: ServiceEntry["ports"][number],
): readonly { readonly pod: PodParty; readonly port: number }[] {
  const wanted = Object.entries(selector);
  if (wanted.length === 0) return [];
  const chosen = pods.filter(
    (pod) => pod.namespace === namespace && wanted.every(([key, value]) => pod.labels[key] === value),
  );
  return chosen.flatMap((pod) => {
    const named = pod.ports.find((declared) => declared.name === target && declared.protocol === protocol);
    const port = typeof target === "number" ? target : named?.port;
    return port === undefined ? [] : [{ pod, port }];
  });
}
