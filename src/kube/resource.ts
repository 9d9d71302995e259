// What a client must know of a resource to call it, the resources that Twill uses, and their paths.

/** A resource of the API; `group` is "" for the core group. */
export type Resource = {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
};

function inGroup(group: string, version: string, namespaced: boolean) {
  return (plural: string, kind: string): Resource => ({ group, version, plural, kind, namespaced });
}

const core = inGroup("", "v1", true);
const coreOfCluster = inGroup("", "v1", false);
const apps = inGroup("apps", "v1", true);

export const pods = core("pods", "Pod");
export const services = core("services", "Service");
export const endpoints = core("endpoints", "Endpoints");
export const configMaps = core("configmaps", "ConfigMap");
export const secrets = core("secrets", "Secret");
export const serviceAccounts = core("serviceaccounts", "ServiceAccount");
export const events = core("events", "Event");
export const namespaces = coreOfCluster("namespaces", "Namespace");
export const nodes = coreOfCluster("nodes", "Node");
export const deployments = apps("deployments", "Deployment");
export const replicaSets = apps("replicasets", "ReplicaSet");
export const statefulSets = apps("statefulsets", "StatefulSet");
export const daemonSets = apps("daemonsets", "DaemonSet");
export const controllerRevisions = apps("controllerrevisions", "ControllerRevision");
export const jobs = inGroup("batch", "v1", true)("jobs", "Job");
export const cronJobs = inGroup("batch", "v1", true)("cronjobs", "CronJob");
export const endpointSlices = inGroup("discovery.k8s.io", "v1", true)("endpointslices", "EndpointSlice");
export const networkPolicies = inGroup("networking.k8s.io", "v1", true)("networkpolicies", "NetworkPolicy");
export const podDisruptionBudgets = inGroup("policy", "v1", true)("poddisruptionbudgets", "PodDisruptionBudget");
export const leases = inGroup("coordination.k8s.io", "v1", true)("leases", "Lease");
export const customResourceDefinitions = inGroup(
  "apiextensions.k8s.io",
  "v1",
  false,
)("customresourcedefinitions", "CustomResourceDefinition");

/** `v1`, or `apps/v1`: what an object of the resource carries as `apiVersion`. */
export function apiVersionOf({ group, version }: Pick<Resource, "group" | "version">): string {
  return group === "" ? version : `${group}/${version}`;
}

/** Where in the API something is; without `namespace` a namespaced resource is meant in all of them. */
export type Place = {
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  readonly subresource?: string | undefined;
};

/** The path of a resource, an object or its subresource: `/apis/apps/v1/namespaces/shop/deployments/frontend/scale`. */
export function resourcePath(resource: Resource, { namespace, name, subresource }: Place = {}): string {
  const parts = [resource.group === "" ? "/api" : `/apis/${resource.group}`, resource.version];
  if (resource.namespaced && namespace !== undefined) parts.push("namespaces", encodeURIComponent(namespace));
  parts.push(resource.plural);
  if (name !== undefined) parts.push(encodeURIComponent(name));
  if (subresource !== undefined) parts.push(subresource);
  return parts.join("/");
}
