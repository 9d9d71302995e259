// A cluster of the oracle as the API server has it: the objects from which the engine reads.

import type { OracleCluster } from "./oracle-objects.ts";

type ApiObject = { readonly apiVersion: string; readonly kind: string; readonly [field: string]: unknown };

export function objectsOf(cluster: OracleCluster): readonly ApiObject[] {
  const { namespaces, nodes, pods, services, policies, clusterPolicies } = cluster;
  return [
    ...Object.entries(namespaces).map(([name, labels]) => ({
      ...{ apiVersion: "v1", kind: "Namespace" },
      metadata: { name, labels },
    })),
    ...nodes.map(({ name, labels, ips }) => ({
      ...{ apiVersion: "v1", kind: "Node" },
      metadata: { name, labels },
      status: { addresses: ips.map((address) => ({ type: "InternalIP", address })) },
    })),
    ...pods.map(({ namespace, name, labels, ips, node, hostNetwork, phase, ports }) => ({
      ...{ apiVersion: "v1", kind: "Pod" },
      metadata: { namespace, name, labels },
      spec: { nodeName: node, hostNetwork, containers: [{ name: "c", ports }] },
      status: { phase, podIP: ips[0], podIPs: ips.map((each) => ({ ip: each })) },
    })),
    ...services.map(({ namespace, name, selector, ports }) => ({
      ...{ apiVersion: "v1", kind: "Service" },
      metadata: { namespace, name },
      spec: { selector, ports },
    })),
    ...policies.map((policy) => ({ ...{ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy" }, ...policy })),
    ...clusterPolicies.map((policy) => ({
      ...{ apiVersion: "policy.networking.k8s.io/v1alpha2", kind: "ClusterNetworkPolicy" },
      ...policy,
    })),
  ];
}
