// Nobody hands out more than he has: writes of roles and bindings are held against the rights of whoever writes (Kubernetes documentation,
// "Privilege escalation prevention and bootstrapping").

import { forbidden, notFound } from "#kube/kube-error.ts";
import type { KubeObject } from "#kube/object.ts";
import type { ResourceAttributes } from "#lab/apiserver/authorizer.ts";
import type { AdmitContext } from "#lab/apiserver/registry.ts";
import { equalJson } from "#lab/apiserver/schema/json.ts";
import {
  compactRules,
  everything,
  formatList,
  formatRule,
  missingRules,
  type PolicyRule,
  policyRule,
} from "./policy-rule.ts";
import { type RoleRef, rbacGroup } from "./rbac-index.ts";

type Role = KubeObject & { readonly rules?: readonly Partial<PolicyRule>[]; readonly aggregationRule?: unknown };
type Binding = KubeObject & { readonly roleRef: RoleRef; readonly subjects?: unknown };

/** Throws Forbidden when the writer of a role lacks what it allows, and may not `escalate`. */
export function admitRole(object: KubeObject, old: KubeObject | undefined, context: AdmitContext): void {
  const { rules = [], aggregationRule } = object as Role;
  const before = old as Role | undefined;
  if (
    before !== undefined &&
    equalJson(rules, before.rules ?? []) &&
    equalJson(aggregationRule, before.aggregationRule)
  ) {
    return;
  }
  const { name = "", namespace = "" } = object.metadata;
  const plural = object.kind === "Role" ? "roles" : "clusterroles";
  if (mayDo(context, "escalate", plural, namespace, name)) return;
  if (aggregationRule !== undefined && missing(context, "", everything).length > 0) {
    throw forbidden(
      { group: rbacGroup, plural },
      name,
      "must have cluster-admin privileges to use the aggregationRule",
    );
  }
  checkHeld(context, plural, name, namespace, rules.map(policyRule));
}

/** Throws Forbidden when the writer of a binding lacks what its role allows, and may not `bind` that role. */
export function admitBinding(object: KubeObject, old: KubeObject | undefined, context: AdmitContext): void {
  const { roleRef, subjects } = object as Binding;
  if (old !== undefined && equalJson(subjects ?? [], (old as Binding).subjects ?? [])) return;
  const { name = "", namespace = "" } = object.metadata;
  const roles = roleRef.kind === "Role" ? "roles" : "clusterroles";
  if (mayDo(context, "bind", roles, namespace, roleRef.name)) return;
  const role = context
    .objects(rbacGroup, roles, roles === "roles" ? namespace : "")
    .find(({ metadata }) => metadata.name === roleRef.name);
  if (role === undefined) throw notFound({ group: rbacGroup, plural: roles }, roleRef.name);
  const plural = object.kind === "RoleBinding" ? "rolebindings" : "clusterrolebindings";
  checkHeld(context, plural, name, namespace, ((role as Role).rules ?? []).map(policyRule));
}

function checkHeld(
  context: AdmitContext,
  plural: string,
  name: string,
  namespace: string,
  rules: readonly PolicyRule[],
): void {
  const lacking = missing(context, namespace, rules);
  if (lacking.length === 0) return;
  const { username, groups } = context.user;
  const who = `user ${JSON.stringify(username)} (groups=${formatList(groups)})`;
  const what = compactRules(lacking).map(formatRule).join("\n");
  const why = `${who} is attempting to grant RBAC permissions not currently held:\n${what}`;
  throw forbidden({ group: rbacGroup, plural }, name, why);
}

function missing({ authorizer, user }: AdmitContext, namespace: string, rules: readonly PolicyRule[]) {
  const { resourceRules, nonResourceRules } = authorizer.rulesOf(user, namespace);
  return missingRules(rules, [...resourceRules, ...nonResourceRules].map(policyRule));
}

function mayDo(
  { authorizer, user }: AdmitContext,
  verb: "bind" | "escalate",
  resource: string,
  namespace: string,
  name: string,
): boolean {
  const where: Omit<ResourceAttributes, "user"> = {
    ...{ verb, group: rbacGroup, version: "v1", resource, subresource: "", namespace, name },
  };
  return authorizer.decide({ user, ...where }).allowed;
}
