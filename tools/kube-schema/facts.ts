// What the published TypeScript types do not say of Kubernetes' types: how lists merge, what is atomic, enums, defaults.
// Sources: the Kubernetes API reference ("patch strategy", "patch merge key", "list type", "map keys" at each field) and
// "Merge strategy" in the documentation of server-side apply; release 1.30.

import type { Schema } from "#lab/apiserver/schema/schema.ts";

/** How one field behaves. A merge key implies that strategy `merge` and a list of type `map` with that key. */
export type FieldFacts = {
  readonly mergeKey?: string;
  /** When it is not just `merge`. */
  readonly strategy?: string;
  /** Of a list of type `map`, when they are not just the merge key. */
  readonly keys?: readonly string[];
  readonly list?: "set" | "atomic";
  readonly atomic?: true;
  /** Merges field by field although its type is atomic elsewhere. */
  readonly granular?: true;
  readonly default?: unknown;
  readonly enum?: readonly string[];
};

type TypeFacts = Readonly<Record<string, FieldFacts>>;

const byName: FieldFacts = { mergeKey: "name" };
const byType: FieldFacts = { mergeKey: "type" };
/** As a map for server-side apply, replaced whole by a strategic merge patch. */
const mapBy = (...keys: readonly string[]): FieldFacts => ({ keys });
const oneOf = (...values: readonly string[]): FieldFacts => ({ enum: values });

const protocols = ["SCTP", "TCP", "UDP"];
const conditions: TypeFacts = { conditions: byType };

const core = "io.k8s.api.core.v1";
const apps = "io.k8s.api.apps.v1";
const batch = "io.k8s.api.batch.v1";
const meta = "io.k8s.apimachinery.pkg.apis.meta.v1";
const networking = "io.k8s.api.networking.v1";
const extensions = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1";

const container: TypeFacts = {
  env: byName,
  ports: { mergeKey: "containerPort", keys: ["containerPort", "protocol"] },
  volumeDevices: { mergeKey: "devicePath" },
  volumeMounts: { mergeKey: "mountPath" },
  imagePullPolicy: oneOf("Always", "IfNotPresent", "Never"),
  terminationMessagePolicy: oneOf("FallbackToLogsOnError", "File"),
};

export const factsOfTypes: Readonly<Record<string, TypeFacts>> = {
  [`${meta}.ObjectMeta`]: {
    finalizers: { strategy: "merge", list: "set" },
    ownerReferences: { mergeKey: "uid" },
  },

  [`${core}.Container`]: container,
  [`${core}.EphemeralContainer`]: container,
  [`${core}.ContainerStatus`]: { volumeMounts: { mergeKey: "mountPath" } },
  [`${core}.ContainerPort`]: { protocol: { default: "TCP", enum: protocols } },
  [`${core}.ServicePort`]: { protocol: { default: "TCP", enum: protocols } },
  [`${core}.EndpointPort`]: { protocol: oneOf(...protocols) },
  [`${core}.ResourceRequirements`]: { claims: mapBy("name") },
  [`${core}.PodSpec`]: {
    containers: byName,
    ephemeralContainers: byName,
    initContainers: byName,
    imagePullSecrets: byName,
    hostAliases: { mergeKey: "ip" },
    resourceClaims: { mergeKey: "name", strategy: "merge,retainKeys" },
    schedulingGates: byName,
    topologySpreadConstraints: { mergeKey: "topologyKey", keys: ["topologyKey", "whenUnsatisfiable"] },
    volumes: { mergeKey: "name", strategy: "merge,retainKeys" },
    nodeSelector: { atomic: true },
    restartPolicy: oneOf("Always", "Never", "OnFailure"),
    dnsPolicy: oneOf("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"),
    preemptionPolicy: oneOf("Never", "PreemptLowerPriority"),
  },
  [`${core}.PodStatus`]: {
    conditions: byType,
    hostIPs: { mergeKey: "ip", list: "atomic" },
    podIPs: { mergeKey: "ip" },
    resourceClaimStatuses: { mergeKey: "name", strategy: "merge,retainKeys" },
  },
  [`${core}.Toleration`]: {
    effect: oneOf("NoExecute", "NoSchedule", "PreferNoSchedule"),
    operator: oneOf("Equal", "Exists"),
  },
  [`${core}.Taint`]: { effect: oneOf("NoExecute", "NoSchedule", "PreferNoSchedule") },
  [`${core}.TopologySpreadConstraint`]: { whenUnsatisfiable: oneOf("DoNotSchedule", "ScheduleAnyway") },
  [`${core}.NodeSelectorRequirement`]: { operator: oneOf("DoesNotExist", "Exists", "Gt", "In", "Lt", "NotIn") },
  [`${core}.HTTPGetAction`]: { scheme: oneOf("HTTP", "HTTPS") },
  [`${core}.NodeSpec`]: { podCIDRs: { strategy: "merge", list: "set" } },
  [`${core}.NodeStatus`]: { addresses: byType, conditions: byType },
  [`${core}.NamespaceStatus`]: conditions,
  [`${core}.ComponentStatus`]: conditions,
  [`${core}.PersistentVolumeClaimStatus`]: conditions,
  [`${core}.PersistentVolumeSpec`]: { claimRef: { granular: true } },
  [`${core}.ReplicationControllerSpec`]: { selector: { atomic: true } },
  [`${core}.ReplicationControllerStatus`]: conditions,
  [`${core}.ServiceAccount`]: { secrets: byName },
  [`${core}.ServiceStatus`]: conditions,
  [`${core}.ServiceSpec`]: {
    ports: { mergeKey: "port", keys: ["port", "protocol"] },
    selector: { atomic: true },
    type: oneOf("ClusterIP", "ExternalName", "LoadBalancer", "NodePort"),
    sessionAffinity: oneOf("ClientIP", "None"),
    externalTrafficPolicy: oneOf("Cluster", "Local"),
    internalTrafficPolicy: oneOf("Cluster", "Local"),
    ipFamilyPolicy: oneOf("PreferDualStack", "RequireDualStack", "SingleStack"),
  },

  [`${apps}.DaemonSetStatus`]: conditions,
  [`${apps}.DaemonSetUpdateStrategy`]: { type: oneOf("OnDelete", "RollingUpdate") },
  [`${apps}.DeploymentSpec`]: { strategy: { strategy: "retainKeys" } },
  [`${apps}.DeploymentStatus`]: conditions,
  [`${apps}.DeploymentStrategy`]: { type: oneOf("Recreate", "RollingUpdate") },
  [`${apps}.ReplicaSetStatus`]: conditions,
  [`${apps}.StatefulSetSpec`]: { podManagementPolicy: oneOf("OrderedReady", "Parallel") },
  [`${apps}.StatefulSetStatus`]: conditions,
  [`${apps}.StatefulSetUpdateStrategy`]: { type: oneOf("OnDelete", "RollingUpdate") },

  [`${batch}.CronJobSpec`]: { concurrencyPolicy: oneOf("Allow", "Forbid", "Replace") },
  [`${batch}.JobSpec`]: { completionMode: oneOf("Indexed", "NonIndexed") },
  [`${batch}.JobStatus`]: { conditions: { mergeKey: "type", list: "atomic" } },
  [`${batch}.UncountedTerminatedPods`]: { failed: { list: "set" }, succeeded: { list: "set" } },
  [`${batch}.PodFailurePolicyOnExitCodesRequirement`]: { values: { list: "set" } },

  "io.k8s.api.discovery.v1.Endpoint": { addresses: { list: "set" } },
  "io.k8s.api.discovery.v1.EndpointSlice": { addressType: oneOf("FQDN", "IPv4", "IPv6") },

  [`${networking}.HTTPIngressPath`]: { pathType: oneOf("Exact", "ImplementationSpecific", "Prefix") },
  [`${networking}.NetworkPolicyPort`]: { protocol: oneOf(...protocols) },

  "io.k8s.api.policy.v1.PodDisruptionBudgetSpec": { selector: { strategy: "replace" } },
  "io.k8s.api.policy.v1.PodDisruptionBudgetStatus": conditions,

  "io.k8s.api.storage.v1.CSINodeSpec": { drivers: byName },

  [`${extensions}.CustomResourceDefinitionStatus`]: { conditions: mapBy("type") },
};

/** Types that one manager owns whole, whatever their fields (`x-kubernetes-map-type: atomic`). */
export const atomicTypes: readonly string[] = [
  `${core}.ConfigMapKeySelector`,
  `${core}.EndpointAddress`,
  `${core}.EndpointPort`,
  `${core}.LocalObjectReference`,
  `${core}.NodeSelector`,
  `${core}.NodeSelectorTerm`,
  `${core}.ObjectFieldSelector`,
  `${core}.ObjectReference`,
  `${core}.ResourceFieldSelector`,
  `${core}.ScopeSelector`,
  `${core}.SecretKeySelector`,
  `${core}.SecretReference`,
  `${core}.TopologySelectorTerm`,
  `${core}.TypedLocalObjectReference`,
  `${meta}.LabelSelector`,
  `${meta}.OwnerReference`,
  `${networking}.ServiceBackendPort`,
  "io.k8s.api.autoscaling.v1.CrossVersionObjectReference",
  "io.k8s.api.discovery.v1.EndpointPort",
  "io.k8s.api.rbac.v1.RoleRef",
  "io.k8s.api.rbac.v1.Subject",
];

/** Fields of JSONSchemaProps that the published types leave out: their names begin with `x-kubernetes-`. */
export const schemaExtensions: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "x-kubernetes-embedded-resource": { type: "boolean" },
  "x-kubernetes-int-or-string": { type: "boolean" },
  "x-kubernetes-list-map-keys": { type: "array", items: { type: "string" }, "x-kubernetes-list-type": "atomic" },
  "x-kubernetes-list-type": { type: "string" },
  "x-kubernetes-map-type": { type: "string" },
  "x-kubernetes-preserve-unknown-fields": { type: "boolean" },
  "x-kubernetes-validations": {
    type: "array",
    items: { $ref: `${extensions}.ValidationRule` },
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["rule"],
    "x-kubernetes-patch-merge-key": "rule",
    "x-kubernetes-patch-strategy": "merge",
  },
};

/** Fields and types that Kubernetes has had since 1.34: the published types are older. */
export const newerFields: Readonly<Record<string, Readonly<Record<string, Schema>>>> = {
  "io.k8s.api.discovery.v1.EndpointHints": {
    forNodes: { type: "array", items: { $ref: "io.k8s.api.discovery.v1.ForNode" }, "x-kubernetes-list-type": "atomic" },
  },
};

export const newerTypes: Readonly<Record<string, Schema>> = {
  "io.k8s.api.discovery.v1.ForNode": { type: "object", properties: { name: { type: "string" } }, required: ["name"] },
};
