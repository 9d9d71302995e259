// The roles and bindings that every cluster starts with (Kubernetes documentation, "Default roles and role bindings"), for the kinds served here.

import type { KubeObject } from "#kube/object.ts";
import type { Resource } from "#kube/resource.ts";
import { nodeRules } from "./node-rights.ts";
import { everything, type PolicyRule, policyRule } from "./policy-rule.ts";
import { rbacGroup } from "./rbac-index.ts";

const apiVersion = `${rbacGroup}/v1`;
const labels = { "kubernetes.io/bootstrapping": "rbac-defaults" };
const read = ["get", "list", "watch"];
const write = ["create", "delete", "deletecollection", "patch", "update"];
const core = [""];

function rule(apiGroups: readonly string[], resources: readonly string[], verbs: readonly string[]): PolicyRule {
  return policyRule({ apiGroups, resources, verbs });
}

function paths(...nonResourceURLs: readonly string[]): PolicyRule {
  return policyRule({ nonResourceURLs, verbs: ["get"] });
}

const apps = [
  "daemonsets",
  "deployments",
  "deployments/scale",
  "replicasets",
  "replicasets/scale",
  "statefulsets",
  "statefulsets/scale",
];
const coreObjects = ["configmaps", "endpoints", "persistentvolumeclaims", "pods", "serviceaccounts", "services"];

/** Of whoever looks: everything but secrets and who may do what. */
const viewRules = [
  rule(core, [...coreObjects, "persistentvolumeclaims/status", "pods/log", "pods/status", "services/status"], read),
  rule(core, ["bindings", "events", "limitranges", "namespaces", "namespaces/status"], read),
  rule(core, ["replicationcontrollers", "replicationcontrollers/scale", "resourcequotas"], read),
  rule(["apps"], [...apps, "controllerrevisions", ...apps.filter(isWhole).map((name) => `${name}/status`)], read),
  rule(["autoscaling"], ["horizontalpodautoscalers", "horizontalpodautoscalers/status"], read),
  rule(["batch"], ["cronjobs", "cronjobs/status", "jobs", "jobs/status"], read),
  rule(["discovery.k8s.io"], ["endpointslices"], read),
  rule(["networking.k8s.io"], ["ingresses", "ingresses/status", "networkpolicies"], read),
  rule(["policy"], ["poddisruptionbudgets", "poddisruptionbudgets/status"], read),
];

/** Of whoever works in a namespace. A terminal in a pod shows its secrets: both are for writers only. */
const editRules = [
  rule(core, ["pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "secrets", "services/proxy"], read),
  rule(core, ["serviceaccounts"], ["impersonate"]),
  rule(core, ["pods", "pods/attach", "pods/exec", "pods/portforward", "pods/proxy"], write),
  rule(core, ["pods/eviction", "serviceaccounts/token"], ["create"]),
  rule(core, [...coreObjects.filter((name) => name !== "pods"), "events", "secrets", "services/proxy"], write),
  rule(core, ["replicationcontrollers", "replicationcontrollers/scale"], write),
  rule(["apps"], [...apps, "deployments/rollback"], write),
  rule(["autoscaling"], ["horizontalpodautoscalers"], write),
  rule(["batch"], ["cronjobs", "jobs"], write),
  rule(["networking.k8s.io"], ["ingresses", "networkpolicies"], write),
  rule(["policy"], ["poddisruptionbudgets"], write),
  rule(["coordination.k8s.io"], ["leases"], [...read, ...write]),
];

/** Of whoever says who may work in a namespace. */
const adminRules = [
  rule(["authorization.k8s.io"], ["localsubjectaccessreviews"], ["create"]),
  rule([rbacGroup], ["rolebindings", "roles"], [...read, ...write]),
];

const discoveryPaths = ["/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*"];
const healthPaths = ["/healthz", "/livez", "/readyz", "/version", "/version/"];

/** ClusterRoles, then their bindings: in the order to create them in. */
export const bootstrapRoles: readonly KubeObject[] = [
  clusterRole("cluster-admin", everything),
  clusterRole("system:aggregate-to-view", viewRules, aggregatedTo("view")),
  clusterRole("system:aggregate-to-edit", editRules, aggregatedTo("edit")),
  clusterRole("system:aggregate-to-admin", adminRules, aggregatedTo("admin")),
  aggregate("view", aggregatedTo("edit")),
  aggregate("edit", aggregatedTo("admin")),
  aggregate("admin"),
  clusterRole("system:basic-user", [
    rule(["authorization.k8s.io"], ["selfsubjectaccessreviews", "selfsubjectrulesreviews"], ["create"]),
    rule(["authentication.k8s.io"], ["selfsubjectreviews"], ["create"]),
  ]),
  clusterRole("system:discovery", [paths(...discoveryPaths, ...healthPaths)]),
  clusterRole("system:public-info-viewer", [paths(...healthPaths)]),
  clusterRole("system:node", nodeRules),
  binding("cluster-admin", "system:masters"),
  binding("system:basic-user", "system:authenticated"),
  binding("system:discovery", "system:authenticated"),
  binding("system:public-info-viewer", "system:authenticated", "system:unauthenticated"),
];

/** Where a role or a binding of the cluster goes. */
export function rbacResource(kind: string): Resource {
  return { group: rbacGroup, version: "v1", plural: `${kind.toLowerCase()}s`, kind, namespaced: false };
}

function isWhole(resource: string): boolean {
  return !resource.includes("/");
}

function aggregatedTo(role: string): Readonly<Record<string, string>> {
  return { [`rbac.authorization.k8s.io/aggregate-to-${role}`]: "true" };
}

function clusterRole(name: string, rules: readonly PolicyRule[], more: Readonly<Record<string, string>> = {}) {
  const said = rules.map((whole) =>
    Object.fromEntries(Object.entries(whole).filter(([, values]) => values.length > 0)),
  );
  return { apiVersion, kind: "ClusterRole", metadata: { name, labels: { ...labels, ...more } }, rules: said };
}

/** Its rules are those of the roles with its label. */
function aggregate(name: string, more: Readonly<Record<string, string>> = {}): KubeObject {
  const aggregationRule = { clusterRoleSelectors: [{ matchLabels: aggregatedTo(name) }] };
  return { apiVersion, kind: "ClusterRole", metadata: { name, labels: { ...labels, ...more } }, aggregationRule };
}

function binding(name: string, ...groups: readonly string[]): KubeObject {
  return {
    ...{ apiVersion, kind: "ClusterRoleBinding", metadata: { name, labels } },
    roleRef: { apiGroup: rbacGroup, kind: "ClusterRole", name },
    subjects: groups.map((group) => ({ apiGroup: rbacGroup, kind: "Group", name: group })),
  };
}
