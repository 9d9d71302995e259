// What a client must know of a resource to call it, the resources that Twill uses, and their paths.

import type * as apps from "kubernetes-types/apps/v1";
import type * as batch from "kubernetes-types/batch/v1";
import type * as coordination from "kubernetes-types/coordination/v1";
import type * as core from "kubernetes-types/core/v1";
import type * as discovery from "kubernetes-types/discovery/v1";
import type * as networking from "kubernetes-types/networking/v1";
import type * as policy from "kubernetes-types/policy/v1";
import type { ClusterNetworkPolicyTypes } from "./cluster-network-policy.ts";
import type { KubeObject, Typed } from "./object.ts";

/** A resource of the API whose objects are `T`; `group` is "" for the core group. */
export type Resource<T = KubeObject> = {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Never there: it only carries the type. */
  readonly shape?: T;
};

function inNamespace<T>(group: string, version: string, plural: string, kind: string): Resource<Typed<T>> {
  return { group, version, plural, kind, namespaced: true };
}

function inCluster<T>(group: string, version: string, plural: string, kind: string): Resource<Typed<T>> {
  return { group, version, plural, kind, namespaced: false };
}

export const pods = inNamespace<core.Pod>("", "v1", "pods", "Pod");
export const services = inNamespace<core.Service>("", "v1", "services", "Service");
export const endpoints = inNamespace<core.Endpoints>("", "v1", "endpoints", "Endpoints");
export const configMaps = inNamespace<core.ConfigMap>("", "v1", "configmaps", "ConfigMap");
export const secrets = inNamespace<core.Secret>("", "v1", "secrets", "Secret");
export const serviceAccounts = inNamespace<core.ServiceAccount>("", "v1", "serviceaccounts", "ServiceAccount");
export const events = inNamespace<core.Event>("", "v1", "events", "Event");
export const deployments = inNamespace<apps.Deployment>("apps", "v1", "deployments", "Deployment");
export const replicaSets = inNamespace<apps.ReplicaSet>("apps", "v1", "replicasets", "ReplicaSet");
export const statefulSets = inNamespace<apps.StatefulSet>("apps", "v1", "statefulsets", "StatefulSet");
export const daemonSets = inNamespace<apps.DaemonSet>("apps", "v1", "daemonsets", "DaemonSet");
export const controllerRevisions = inNamespace<apps.ControllerRevision>(
  "apps",
  "v1",
  "controllerrevisions",
  "ControllerRevision",
);
export const jobs = inNamespace<batch.Job>("batch", "v1", "jobs", "Job");
export const endpointSlices = inNamespace<discovery.EndpointSlice>(
  "discovery.k8s.io",
  "v1",
  "endpointslices",
  "EndpointSlice",
);
export const networkPolicies = inNamespace<networking.NetworkPolicy>(
  "networking.k8s.io",
  "v1",
  "networkpolicies",
  "NetworkPolicy",
);
export const clusterNetworkPolicies = inCluster<ClusterNetworkPolicyTypes>(
  "policy.networking.k8s.io",
  "v1alpha2",
  "clusternetworkpolicies",
  "ClusterNetworkPolicy",
);
export const customResourceDefinitions: Resource = {
  group: "apiextensions.k8s.io",
  version: "v1",
  plural: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
  namespaced: false,
};
export const podDisruptionBudgets = inNamespace<policy.PodDisruptionBudget>(
  "policy",
  "v1",
  "poddisruptionbudgets",
  "PodDisruptionBudget",
);
export const leases = inNamespace<coordination.Lease>("coordination.k8s.io", "v1", "leases", "Lease");
export const namespaces = inCluster<core.Namespace>("", "v1", "namespaces", "Namespace");
export const nodes = inCluster<core.Node>("", "v1", "nodes", "Node");

/** `v1`, or `apps/v1`: what an object of the resource carries as `apiVersion`. */
export function apiVersionOf({ group, version }: Pick<Resource<unknown>, "group" | "version">): string {
  return group === "" ? version : `${group}/${version}`;
}

/** Where in the API something is; without `namespace` a namespaced resource is meant in all of them. */
export type Place = {
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  readonly subresource?: string | undefined;
};

/** The path of a resource, an object or its subresource: `/apis/apps/v1/namespaces/shop/deployments/frontend/scale`. */
export function resourcePath(resource: Resource<unknown>, { namespace, name, subresource }: Place = {}): string {
  const parts = [resource.group === "" ? "/api" : `/apis/${resource.group}`, resource.version];
  if (resource.namespaced && namespace !== undefined) parts.push("namespaces", encodeURIComponent(namespace));
  parts.push(resource.plural);
  if (name !== undefined) parts.push(encodeURIComponent(name));
  if (subresource !== undefined) parts.push(subresource);
  return parts.join("/");
}
