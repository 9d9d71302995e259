// Lines of roles and bindings.

import type { RoleBinding } from "kubernetes-types/rbac/v1";
import type { Metadata } from "#kube/object.ts";
import { ageOf } from "./age.ts";
import { type Sheet, sheet } from "./sheet.ts";

type Binding = Omit<RoleBinding, "metadata"> & { readonly metadata: Metadata };

const created: Sheet = sheet(["Name", "Created At"], ({ metadata }) => [metadata.name, metadata.creationTimestamp]);

const bindings: Sheet = sheet<Binding>(
  ["Name", "Role", "Age", "Users wide", "Groups wide", "ServiceAccounts wide"],
  ({ metadata, roleRef, subjects = [] }, now) => {
    const named = (kind: string) => subjects.filter((subject) => subject.kind === kind);
    return [
      metadata.name,
      `${roleRef.kind}/${roleRef.name}`,
      ageOf(metadata.creationTimestamp, now),
      named("User")
        .map(({ name }) => name)
        .join(", "),
      named("Group")
        .map(({ name }) => name)
        .join(", "),
      named("ServiceAccount")
        .map(({ namespace, name }) => `${namespace}/${name}`)
        .join(", "),
    ];
  },
);

export const accessSheets: Readonly<Record<string, Sheet>> = {
  "rbac.authorization.k8s.io/Role": created,
  "rbac.authorization.k8s.io/ClusterRole": created,
  "rbac.authorization.k8s.io/RoleBinding": bindings,
  "rbac.authorization.k8s.io/ClusterRoleBinding": bindings,
  "apiextensions.k8s.io/CustomResourceDefinition": created,
  "/LimitRange": created,
};
