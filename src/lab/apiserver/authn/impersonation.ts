// Acting as somebody else: the Impersonate-* headers, for users who may.

import { forbidden } from "#kube/kube-error.ts";
import type { Authorizer } from "#lab/apiserver/authorizer.ts";
import type { ApiRequest, UserInfo } from "#lab/apiserver/request.ts";

/** Whom a request acts as. Throws Forbidden when the caller may not (Kubernetes documentation, "User impersonation"). */
export function effectiveUser({ user, headers }: ApiRequest, authorizer: Authorizer): UserInfo {
  const username = headers["impersonate-user"];
  if (username === undefined) return user;
  const groups = headers["impersonate-group"]?.split(",").map((group) => group.trim()) ?? [];
  check(authorizer, user, "users", username);
  for (const group of groups) check(authorizer, user, "groups", group);
  const own = /^system:serviceaccount:([^:]+):[^:]+$/.exec(username)?.[1];
  const implied = own === undefined ? [] : ["system:serviceaccounts", `system:serviceaccounts:${own}`];
  return { username, groups: [...new Set([...groups, ...implied, "system:authenticated"])] };
}

function check(authorizer: Authorizer, user: UserInfo, resource: "users" | "groups", name: string): void {
  const { allowed } = authorizer.decide({
    user,
    verb: "impersonate",
    group: "",
    version: "v1",
    resource,
    subresource: "",
    namespace: "",
    name,
  });
  if (allowed) return;
  const why = `User "${user.username}" cannot impersonate resource "${resource}" in API group "" at the cluster scope`;
  throw forbidden({ group: "", plural: resource }, name, why);
}
