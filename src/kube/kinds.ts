// The kinds of object that Twill works with, by name.

import type {
  clusterNetworkPolicies,
  configMaps,
  controllerRevisions,
  daemonSets,
  deployments,
  endpointSlices,
  endpoints,
  jobs,
  leases,
  namespaces,
  networkPolicies,
  nodes,
  podDisruptionBudgets,
  pods,
  Resource,
  replicaSets,
  secrets,
  serviceAccounts,
  services,
  statefulSets,
} from "./resource.ts";

type ObjectOf<R> = R extends Resource<infer T> ? T : never;

export type ClusterNetworkPolicy = ObjectOf<typeof clusterNetworkPolicies>;
export type ConfigMap = ObjectOf<typeof configMaps>;
export type ControllerRevision = ObjectOf<typeof controllerRevisions>;
export type DaemonSet = ObjectOf<typeof daemonSets>;
export type Deployment = ObjectOf<typeof deployments>;
export type Endpoints = ObjectOf<typeof endpoints>;
export type EndpointSlice = ObjectOf<typeof endpointSlices>;
export type Job = ObjectOf<typeof jobs>;
export type Lease = ObjectOf<typeof leases>;
export type Namespace = ObjectOf<typeof namespaces>;
export type NetworkPolicy = ObjectOf<typeof networkPolicies>;
export type Node = ObjectOf<typeof nodes>;
export type Pod = ObjectOf<typeof pods>;
export type PodDisruptionBudget = ObjectOf<typeof podDisruptionBudgets>;
export type ReplicaSet = ObjectOf<typeof replicaSets>;
export type Secret = ObjectOf<typeof secrets>;
export type Service = ObjectOf<typeof services>;
export type ServiceAccount = ObjectOf<typeof serviceAccounts>;
export type StatefulSet = ObjectOf<typeof statefulSets>;
