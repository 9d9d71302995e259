// Roles and bindings: what a rule must say, whom a binding can name, and that its role stays.

import type { LabelSelector } from "kubernetes-types/meta/v1";
import type { Cause } from "#kube/kube-error.ts";
import type { KubeObject } from "#kube/object.ts";
import { admitBinding, admitRole } from "#lab/apiserver/authz/escalation.ts";
import { type PolicyRule, policyRule } from "#lab/apiserver/authz/policy-rule.ts";
import { type RoleRef, rbacGroup, type Subject } from "#lab/apiserver/authz/rbac-index.ts";
import type { Rules } from "#lab/apiserver/registry.ts";
import { invalidValue, requiredValue, unsupportedValue } from "#lab/apiserver/schema/cause.ts";
import { equalJson } from "#lab/apiserver/schema/json.ts";
import { selectorFaults } from "./selectors.ts";

type Role = KubeObject & {
  readonly rules?: readonly Partial<PolicyRule>[];
  readonly aggregationRule?: { readonly clusterRoleSelectors?: readonly LabelSelector[] };
};
/** As it came: the schema has not asked for `roleRef` yet. */
type Binding = KubeObject & { readonly roleRef?: Partial<RoleRef>; readonly subjects?: readonly Subject[] };

export const roleRules: Rules = {
  validate: (role) => {
    const { rules = [], aggregationRule, kind } = role as Role;
    const selectors = aggregationRule?.clusterRoleSelectors ?? [];
    return [
      ...rules.flatMap((rule, index) => ruleFaults(policyRule(rule), `rules[${index}]`, kind === "Role")),
      ...selectors.flatMap((selector, index) =>
        selectorFaults(`aggregationRule.clusterRoleSelectors[${index}]`, selector),
      ),
    ];
  },
  admit: admitRole,
};

export const bindingRules: Rules = {
  prepareCreate: (object) => withGroups(object as Binding),
  prepareUpdate: (object) => withGroups(object as Binding),
  validate: (object, old) => {
    const { roleRef, subjects = [], kind } = object as Binding;
    if (roleRef === undefined) return [];
    const kinds = kind === "RoleBinding" ? ["Role", "ClusterRole"] : ["ClusterRole"];
    const changed = old !== undefined && !equalJson(roleRef, (old as Binding).roleRef);
    return [
      ...(changed ? [invalidValue("roleRef", roleRef, "cannot change roleRef")] : []),
      ...(roleRef.apiGroup === rbacGroup ? [] : [unsupportedValue("roleRef.apiGroup", roleRef.apiGroup, [rbacGroup])]),
      ...(kinds.includes(roleRef.kind ?? "") ? [] : [unsupportedValue("roleRef.kind", roleRef.kind, kinds)]),
      ...(roleRef.name === "" ? [requiredValue("roleRef.name")] : []),
      ...subjects.flatMap((subject, index) => subjectFaults(subject, `subjects[${index}]`, kind)),
    ];
  },
  admit: admitBinding,
};

function ruleFaults(rule: PolicyRule, field: string, namespaced: boolean): readonly Cause[] {
  const { verbs, apiGroups, resources, resourceNames, nonResourceURLs } = rule;
  const faults = verbs.length === 0 ? [requiredValue(`${field}.verbs`, "verbs must contain at least one value")] : [];
  if (nonResourceURLs.length > 0) {
    if (namespaced) {
      const why = "namespaced rules cannot apply to non-resource URLs";
      return [...faults, invalidValue(`${field}.nonResourceURLs`, nonResourceURLs, why)];
    }
    if (apiGroups.length + resources.length + resourceNames.length === 0) return faults;
    const why = "rules cannot apply to both regular resources and non-resource URLs";
    return [...faults, invalidValue(`${field}.nonResourceURLs`, nonResourceURLs, why)];
  }
  if (apiGroups.length === 0) {
    faults.push(requiredValue(`${field}.apiGroups`, "resource rules must supply at least one api group"));
  }
  if (resources.length === 0) {
    faults.push(requiredValue(`${field}.resources`, "resource rules must supply at least one resource"));
  }
  return faults;
}

function subjectFaults({ kind, name, namespace = "", apiGroup = "" }: Subject, field: string, binding: string) {
  const faults = name === "" ? [requiredValue(`${field}.name`)] : [];
  const group = groupOf(kind);
  if (group === undefined) {
    return [...faults, unsupportedValue(`${field}.kind`, kind, ["ServiceAccount", "User", "Group"])];
  }
  if (apiGroup !== group) faults.push(unsupportedValue(`${field}.apiGroup`, apiGroup, [group]));
  // In a RoleBinding an account without a namespace is one of the binding's own.
  const unplaced = kind === "ServiceAccount" && namespace === "" && binding === "ClusterRoleBinding";
  if (unplaced) faults.push(requiredValue(`${field}.namespace`));
  return faults;
}

function groupOf(kind: string): string | undefined {
  if (kind === "ServiceAccount") return "";
  return kind === "User" || kind === "Group" ? rbacGroup : undefined;
}

/** What need not be said: which group the role and the subjects are of. */
function withGroups(binding: Binding): KubeObject {
  const { roleRef, subjects } = binding;
  return {
    ...binding,
    ...(roleRef === undefined ? {} : { roleRef: { apiGroup: rbacGroup, ...roleRef } }),
    ...(subjects === undefined ? {} : { subjects: subjects.map(withGroup) }),
  };
}

function withGroup(subject: Subject): Subject {
  const group = groupOf(subject.kind) ?? "";
  return group === "" ? subject : { apiGroup: group, ...subject };
}
