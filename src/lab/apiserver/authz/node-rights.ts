// What a node's own user may do: read what its pods need, and write what is its own (Kubernetes documentation, "Using Node Authorization").

import type { ResourceAttributes } from "#lab/apiserver/authorizer.ts";
import type { UserInfo } from "#lab/apiserver/request.ts";
import { type PolicyRule, policyRule, ruleAllows } from "./policy-rule.ts";

const nodesGroup = "system:nodes";
const nodePrefix = "system:node:";
const leaseNamespace = "kube-node-lease";

/** The node that a user is; undefined for everybody else. */
export function nodeOf({ username, groups }: UserInfo): string | undefined {
  if (!groups.includes(nodesGroup) || !username.startsWith(nodePrefix)) return undefined;
  return username.slice(nodePrefix.length);
}

const read = ["get", "list", "watch"];

/** For every node, whatever the object. */
const common: readonly PolicyRule[] = [
  { apiGroups: [""], resources: ["nodes", "pods", "services", "endpoints", "namespaces"], verbs: read },
  { apiGroups: [""], resources: ["configmaps", "secrets", "serviceaccounts"], verbs: read },
  { apiGroups: [""], resources: ["persistentvolumes", "persistentvolumeclaims"], verbs: read },
  { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: read },
  { apiGroups: [""], resources: ["nodes", "pods"], verbs: ["create"] },
  { apiGroups: ["", "events.k8s.io"], resources: ["events"], verbs: ["create", "patch", "update"] },
  { apiGroups: [""], resources: ["serviceaccounts/token"], verbs: ["create"] },
  { apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"], verbs: ["create"] },
  {
    apiGroups: ["authorization.k8s.io"],
    resources: ["subjectaccessreviews", "localsubjectaccessreviews"],
    verbs: ["create"],
  },
].map(policyRule);

const change = ["update", "patch"];
/** Only for what belongs to the node. */
const ownNode = policyRule({ apiGroups: [""], resources: ["nodes", "nodes/status"], verbs: change });
const ownPods = policyRule({ apiGroups: [""], resources: ["pods", "pods/status"], verbs: [...change, "delete"] });
const podEvictions = policyRule({ apiGroups: [""], resources: ["pods/eviction"], verbs: ["create"] });
const ownLease = policyRule({
  apiGroups: ["coordination.k8s.io"],
  resources: ["leases"],
  verbs: ["create", "get", "delete", ...change],
});

/** What rules of roles would say, for SelfSubjectRulesReview: they know no "own". */
export const nodeRules: readonly PolicyRule[] = [...common, ownNode, ownPods, podEvictions, ownLease];

/** The node that a pod is bound to; undefined for one that is not there. */
export type PodNode = (namespace: string, name: string) => string | undefined;

export function nodeMay(node: string, attributes: ResourceAttributes, podNode: PodNode): boolean {
  if (common.some((rule) => ruleAllows(rule, attributes))) return true;
  const { namespace, name, verb } = attributes;
  if (ruleAllows(ownNode, attributes)) return name === node;
  // The name of a new object is in its body, which is not looked at.
  if (ruleAllows(ownLease, attributes)) return namespace === leaseNamespace && (name === node || verb === "create");
  const ofPod = ruleAllows(ownPods, attributes) || ruleAllows(podEvictions, attributes);
  return ofPod && podNode(namespace, name) === node;
}
