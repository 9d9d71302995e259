// What every cluster has from its first second on: namespaces, roles, and the services by which pods find the API server and names.

import type { Draft, KubeClient } from "#kube/client.ts";
import { hasReason } from "#kube/kube-error.ts";
import {
  customResourceDefinitions,
  endpointSlices,
  endpoints,
  namespaces,
  type Resource,
  serviceAccounts,
  services,
} from "#kube/resource.ts";
import { bootstrapRoles, rbacResource } from "#lab/apiserver/authz/bootstrap-roles.ts";
import { skipLabel } from "#lab/controllers/mirrored-endpoints.ts";
import { controlAddress, gatewayOf, serviceBlock } from "#lab/fabric/addresses.ts";
import { parseManifests } from "#lab/manifests/read.ts";
import { familiesOf, type LabSpec } from "#lab/spec.ts";
import { apiPort } from "#lab/world/credentials.ts";
import twillRoles from "../../../deploy/accounts.yaml" with { type: "text" };
import clusterNetworkPolicies from "../../../deploy/crds/cluster-network-policies.yaml" with { type: "text" };
import { clusterDns } from "./cluster-dns.ts";

const initialNamespaces = ["default", "kube-system", "kube-public", "kube-node-lease"];
const serviceName = { namespace: "default", name: "kubernetes" } as const;
const portName = "https";
const servicePort = 443;

/** Makes what is missing; what is there stays as it is. @throws KubeError */
export async function bootstrap(client: KubeClient, spec: LabSpec): Promise<void> {
  for (const name of initialNamespaces) await ensure(client, namespaces, { metadata: { name } });
  for (const role of bootstrapRoles) await ensure(client, rbacResource(role.kind), role);
  if (spec.agents !== undefined) await ensureDeployed(client);
  const [family = "ipv4"] = familiesOf(spec.family);
  const labels = { component: "apiserver", provider: "kubernetes" };
  await ensure(client, services, {
    metadata: { ...serviceName, labels },
    spec: {
      type: "ClusterIP",
      clusterIP: gatewayOf(serviceBlock[family]),
      ports: [{ name: portName, protocol: "TCP", port: servicePort, targetPort: apiPort }],
    },
  });
  const address = controlAddress[family];
  const port = { name: portName, protocol: "TCP", port: apiPort };
  await ensure(client, endpoints, {
    metadata: { ...serviceName, labels: { [skipLabel]: "true" } },
    subsets: [{ addresses: [{ ip: address }], ports: [port] }],
  });
  for (const [resource, object] of clusterDns(spec)) await ensure(client, resource, object);
  await ensure(client, endpointSlices, {
    metadata: { ...serviceName, labels: { "kubernetes.io/service-name": serviceName.name } },
    addressType: family === "ipv4" ? "IPv4" : "IPv6",
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports: [port],
  });
}

/** What every cluster gets from deploy/ beside the executables: Twill's accounts and their rights, and the kinds that it reads. */
async function ensureDeployed(client: KubeClient): Promise<void> {
  const manifests = [
    ...parseManifests(twillRoles, "deploy/accounts.yaml"),
    ...parseManifests(clusterNetworkPolicies, "deploy/crds/cluster-network-policies.yaml"),
  ];
  for (const { object, from } of manifests) {
    const resource = deployedKinds.get(object.kind);
    if (resource === undefined) throw new RangeError(`${from} has a ${object.kind}, which a lab does not expect there`);
    await ensure(client, resource, object);
  }
}

const deployedKinds: ReadonlyMap<string, Resource> = new Map<string, Resource>([
  ["Namespace", namespaces],
  ["ServiceAccount", serviceAccounts],
  ["CustomResourceDefinition", customResourceDefinitions],
  ...["ClusterRole", "ClusterRoleBinding"].map((kind) => [kind, rbacResource(kind)] as const),
  ...["Role", "RoleBinding"].map((kind) => [kind, { ...rbacResource(kind), namespaced: true }] as const),
]);

async function ensure<T extends object>(client: KubeClient, resource: Resource<T>, object: Draft<T>): Promise<void> {
  const { namespace, name = "" } = object.metadata;
  try {
    await client.get(resource, { namespace, name });
  } catch (error) {
    if (!hasReason(error, "NotFound")) throw error;
    await client.create(resource, object);
  }
}
