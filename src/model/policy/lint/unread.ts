// Policies of kinds that Twill does not read: whoever wrote them thinks that they are in force.

import type { KubeObject } from "#kube/object.ts";
import type { Warning } from "./warning.ts";

const superseded: Readonly<Record<string, string>> = {
  AdminNetworkPolicy: "write a ClusterNetworkPolicy of v1alpha2 with tier Admin",
  BaselineAdminNetworkPolicy: "write a ClusterNetworkPolicy of v1alpha2 with tier Baseline",
};

const foreignGroups =
  /^(cilium\.io|(crd\.)?projectcalico\.org|crd\.antrea\.io|security\.antrea\.tanzu\.vmware\.com|k8s\.ovn\.org)$/;

export function lintUnread(objects: readonly KubeObject[]): readonly Warning[] {
  return objects.flatMap(({ apiVersion, kind, metadata }) => {
    const [group = "", version = ""] = apiVersion.split("/");
    const origin = { kind, namespace: metadata.namespace ?? "", name: metadata.name ?? "", path: "" };
    const instead = group === "policy.networking.k8s.io" ? superseded[kind] : undefined;
    if (instead !== undefined)
      return [
        {
          rule: "superseded",
          origin,
          message: `${kind} ${version} is not read, so nothing of it is in force: ${instead}`,
        },
      ];
    if (kind === "NetworkPolicy" && group === "extensions")
      return [
        { rule: "superseded", origin, message: `${apiVersion} is not served any more: write networking.k8s.io/v1` },
      ];
    if (foreignGroups.test(group) && /(NetworkPolicy|NetworkPolicies|EgressFirewall)$/.test(kind))
      return [{ rule: "foreign", origin, message: `${kind} of ${group} is not read, so nothing of it is in force` }];
    return [];
  });
}
