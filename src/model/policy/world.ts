// All that policies are about, from Kubernetes objects: of a cluster, or of a folder of manifests.

import type { PodTemplateSpec } from "kubernetes-types/core/v1";
import type { ClusterNetworkPolicy, EndpointSlice, NetworkPolicy, Node, Pod, Service } from "#kube/kinds.ts";
import type { KubeObject, Metadata } from "#kube/object.ts";
import { internalAddresses } from "#model/node.ts";
import { type HostPort, hostPortsOf } from "#model/service/host-port.ts";
import type { Ip } from "#net/ip.ts";
import { fromClusterNetworkPolicy } from "./cluster-network-policy.ts";
import { fromNetworkPolicy } from "./network-policy.ts";
import {
  declaredPorts,
  type Labels,
  labelsOfNamespace,
  type NodeParty,
  type Party,
  type PodParty,
  podParty,
} from "./party.ts";
import type { Policy } from "./rule.ts";
import { type ServiceEntry, serviceEntry } from "./service-entry.ts";

/** A pod by its name, and who it is on the network. */
export type WorldPod = {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
  /** Its node, for one that shares the node's network; undefined for one that has ended: it has no network any more. */
  readonly party: PodParty | NodeParty | undefined;
  /** Why `party` is no pod: `shares the network of node1`, `has ended`. */
  readonly remark: string | undefined;
  /** Whether services send to it. */
  readonly ready: boolean;
  /** What made it, `Deployment frontend`; undefined for a pod of its own. */
  readonly workload: { readonly kind: string; readonly name: string } | undefined;
  readonly ports: PodParty["ports"];
  /** Of its node, that lead to it. */
  readonly hostPorts: readonly HostPort[];
};

export type World = {
  readonly policies: readonly Policy[];
  /** Pods with a network of their own; of a manifest's workload, one that stands for all its replicas. */
  readonly pods: readonly PodParty[];
  /** All pods, also those that no policy can be about. */
  readonly allPods: readonly WorldPod[];
  readonly nodes: readonly NodeParty[];
  readonly services: readonly ServiceEntry[];
  readonly namespaces: ReadonlyMap<string, Labels>;
};

const workloads: readonly string[] = [
  "Deployment",
  "ReplicaSet",
  "StatefulSet",
  "DaemonSet",
  "Job",
  "CronJob",
  "ReplicationController",
];

/** Reads objects of any kinds; those that policies are not about are passed over. */
export function worldOf(objects: readonly KubeObject[]): World {
  const namespaces = namespacesOf(objects);
  const nodes = objects.flatMap((object) => (object.kind === "Node" ? [nodeOf(object as Node)] : []));
  const allPods = objects.flatMap((object) => {
    const pod = podOf(object);
    return pod === undefined ? [] : [toWorldPod(pod, object, nodes, namespaces)];
  });
  return {
    policies: objects.flatMap((object) => toPolicy(object) ?? []),
    pods: allPods.flatMap(({ party }) => (party?.party === "pod" ? [party] : [])),
    allPods,
    nodes,
    services: servicesOf(objects),
    namespaces,
  };
}

function servicesOf(objects: readonly KubeObject[]): readonly ServiceEntry[] {
  const slices = objects.flatMap((object) => (object.kind === "EndpointSlice" ? [object as EndpointSlice] : []));
  return objects.flatMap((object) => (object.kind === "Service" ? [serviceEntry(object as Service, slices)] : []));
}

function namespacesOf(objects: readonly KubeObject[]): ReadonlyMap<string, Labels> {
  const namespaces = new Map<string, Labels>();
  for (const { metadata, kind } of objects) {
    const name = kind === "Namespace" ? metadata.name : (metadata.namespace ?? "default");
    if (name === undefined) continue;
    const own = kind === "Namespace" ? metadata.labels : undefined;
    namespaces.set(name, labelsOfNamespace(name, { ...namespaces.get(name), ...own }));
  }
  return namespaces;
}

/** Undefined for an object that is no policy which Twill reads. */
function toPolicy(object: KubeObject): Policy | undefined {
  const [group] = object.apiVersion.split("/");
  if (object.kind === "NetworkPolicy" && group === "networking.k8s.io")
    return fromNetworkPolicy(object as NetworkPolicy);
  if (object.kind === "ClusterNetworkPolicy" && group === "policy.networking.k8s.io")
    return fromClusterNetworkPolicy(object as ClusterNetworkPolicy);
  return undefined;
}

/** The pod itself, or what a workload's template makes. */
function podOf(object: KubeObject): Pod | undefined {
  if (object.kind === "Pod") return object as Pod;
  if (!workloads.includes(object.kind)) return undefined;
  // What a controller made has pods of its own.
  if ((object.metadata.ownerReferences ?? []).length > 0) return undefined;
  const template = templateOf(object);
  if (template?.spec === undefined) return undefined;
  const metadata = {
    namespace: object.metadata.namespace ?? "default",
    name: object.metadata.name ?? "",
    labels: template.metadata?.labels ?? {},
  };
  return { apiVersion: "v1", kind: "Pod", metadata: metadata as Metadata & { name: string }, spec: template.spec };
}

type WithTemplate = { readonly template?: PodTemplateSpec; readonly jobTemplate?: { readonly spec?: WithTemplate } };

function templateOf(object: KubeObject): PodTemplateSpec | undefined {
  const spec = object["spec"] as WithTemplate | undefined;
  return object.kind === "CronJob" ? spec?.jobTemplate?.spec?.template : spec?.template;
}

function toWorldPod(
  pod: Pod,
  object: KubeObject,
  nodes: readonly NodeParty[],
  namespaces: ReadonlyMap<string, Labels>,
): WorldPod {
  const { namespace = "default", name, labels = {} } = pod.metadata;
  const { spec, status } = pod;
  const common = { namespace, name, labels, workload: workloadOf(object), ...portsOf(pod) };
  const ended = status?.phase === "Succeeded" || status?.phase === "Failed";
  if (ended) return { ...common, party: undefined, remark: `has ended (${status.phase})`, ready: false };
  const ready = status?.conditions?.some((each) => each.type === "Ready" && each.status !== "True") !== true;
  if (spec?.hostNetwork === true) {
    const node = nodes.find((each) => each.name === spec.nodeName);
    const unknown: NodeParty = { party: "node", name: spec.nodeName ?? "any node", labels: {}, addresses: [] };
    return { ...common, party: node ?? unknown, remark: `shares the network of ${(node ?? unknown).name}`, ready };
  }
  const party = podParty(pod, namespaces.get(namespace) ?? labelsOfNamespace(namespace));
  const several = party !== undefined && !isOne(object) ? { ...party, several: true as const } : party;
  return { ...common, party: several, remark: undefined, ready };
}

function portsOf(pod: Pod): Pick<WorldPod, "ports" | "hostPorts"> {
  return { ports: declaredPorts(pod), hostPorts: hostPortsOf(pod) };
}

/** Who a pod says made it; a ReplicaSet's name is its Deployment's and a hash. */
export function workloadOf({ kind, metadata }: KubeObject): WorldPod["workload"] {
  if (kind !== "Pod") return { kind, name: metadata.name ?? "" };
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
  if (owner === undefined) return undefined;
  const hash = metadata.labels?.["pod-template-hash"];
  if (owner.kind !== "ReplicaSet" || hash === undefined || !owner.name.endsWith(`-${hash}`))
    return { kind: owner.kind, name: owner.name };
  return { kind: "Deployment", name: owner.name.slice(0, -hash.length - 1) };
}

/** Whether an object means a single pod. */
function isOne(object: KubeObject): boolean {
  if (object.kind === "Pod") return true;
  const { replicas = 1 } = (object["spec"] ?? {}) as { readonly replicas?: number };
  return object.kind !== "DaemonSet" && replicas <= 1;
}

function nodeOf({ metadata, status }: Node): NodeParty {
  const addresses = internalAddresses(status);
  return { party: "node", name: metadata.name, labels: metadata.labels ?? {}, addresses };
}

/** The pod or node that has an address, with that address alone, or somebody else. */
export function partyAt({ pods, nodes }: World, address: Ip): Party {
  const owner = [...pods, ...nodes].find(({ addresses }) => addresses.includes(address));
  return owner === undefined ? { party: "address", addresses: [address] } : { ...owner, addresses: [address] };
}

/** A place to which a service sends. */
export type Backend = {
  readonly name: string;
  readonly party: Party;
  readonly port: number;
  readonly ready: boolean;
};

/** The pods behind a service, and the port that one of its ports means on each; without a selector what its slices say. */
export function backendsOf(
  world: World,
  { namespace, selector, endpoints }: ServiceEntry,
  { name, target, protocol }: ServiceEntry["ports"][number],
): readonly Backend[] {
  const wanted = Object.entries(selector);
  if (wanted.length === 0) {
    return endpoints
      .filter((each) => each.protocol === protocol && each.portName === name)
      .map(({ address, port, ready }) => ({ name: address, party: partyAt(world, address), port, ready }));
  }
  return world.allPods.flatMap(({ party, labels, ports, ready, ...pod }) => {
    if (party === undefined || pod.namespace !== namespace) return [];
    if (!wanted.every(([key, value]) => labels[key] === value)) return [];
    const named = ports.find((declared) => declared.name === target && declared.protocol === protocol);
    const port = typeof target === "number" ? target : named?.port;
    return port === undefined ? [] : [{ name: `${namespace}/${pod.name}`, party, port, ready }];
  });
}
