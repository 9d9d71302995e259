// The groups rbac.authorization.k8s.io, authentication.k8s.io and authorization.k8s.io: who may do what.

import { type BuiltinRow, defineGroup } from "./define.ts";

export const rbac = defineGroup("rbac.authorization.k8s.io", "v1", [
  { kind: "Role" },
  { kind: "RoleBinding" },
  { kind: "ClusterRole", namespaced: false },
  { kind: "ClusterRoleBinding", namespaced: false },
]);

/** Questions: a POST is answered, and nothing is kept. */
function question(kind: string, namespaced = false): BuiltinRow {
  return { kind, namespaced, verbs: ["create"] };
}

export const authentication = defineGroup("authentication.k8s.io", "v1", [
  question("TokenReview"),
  question("SelfSubjectReview"),
]);

export const authorization = defineGroup("authorization.k8s.io", "v1", [
  question("LocalSubjectAccessReview", true),
  question("SelfSubjectAccessReview"),
  question("SelfSubjectRulesReview"),
  question("SubjectAccessReview"),
]);
