// The rules of the built-in kinds, by group and kind, for a cluster with its ranges.

import type { ResourceDefinition, Rules } from "#lab/apiserver/registry.ts";
import { configMapRules, secretRules } from "./config.ts";
import { endpointSliceRules } from "./endpoint-slice.ts";
import { namespaceRules } from "./namespace.ts";
import { networkPolicyRules } from "./network-policy.ts";
import { nodeRules } from "./node.ts";
import { podRules } from "./pod.ts";
import { bindingRules, roleRules } from "./rbac.ts";
import { type ServiceOptions, serviceRules } from "./service.ts";
import { jobRules, workloadRules } from "./workload.ts";

/** Resources with their rules. A kind that has none is checked by its schema alone. */
export function withRules(
  resources: readonly ResourceDefinition[],
  options: ServiceOptions,
): readonly ResourceDefinition[] {
  const rules: Readonly<Record<string, Rules>> = {
    "/Namespace": namespaceRules,
    "/Pod": podRules,
    "/Service": serviceRules(options),
    "/Node": nodeRules,
    "/ConfigMap": configMapRules,
    "/Secret": secretRules,
    "apps/Deployment": workloadRules,
    "apps/ReplicaSet": workloadRules,
    "apps/StatefulSet": workloadRules,
    "apps/DaemonSet": workloadRules,
    "batch/Job": jobRules,
    "discovery.k8s.io/EndpointSlice": endpointSliceRules,
    "networking.k8s.io/NetworkPolicy": networkPolicyRules,
    "rbac.authorization.k8s.io/Role": roleRules,
    "rbac.authorization.k8s.io/ClusterRole": roleRules,
    "rbac.authorization.k8s.io/RoleBinding": bindingRules,
    "rbac.authorization.k8s.io/ClusterRoleBinding": bindingRules,
  };
  return resources.map((definition) => {
    const own = rules[`${definition.group}/${definition.kind}`];
    return own === undefined ? definition : { ...definition, rules: { ...definition.rules, ...own } };
  });
}
