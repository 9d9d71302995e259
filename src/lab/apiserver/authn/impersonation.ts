// Acting as somebody else: the Impersonate-* headers, for users who may.

import { forbidden } from "#kube/kube-error.ts";
import type { Authorizer } from "#lab/apiserver/authorizer.ts";
import type { ApiRequest, UserInfo } from "#lab/apiserver/request.ts";

/** Whom a request acts as. Throws Forbidden when the caller may not (Kubernetes documentation, "User impersonation"). */
export function effectiveUser({ user, headers }: ApiRequest, authorizer: Authorizer): UserInfo {
  const username = headers["impersonate-user"];
  if (username === undefined) return user;
  const groups = headers["impersonate-group"]?.split(",").map((group) => group.trim()) ?? [];
  const [, namespace, account] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(username) ?? [];
  if (namespace === undefined || account === undefined) check(authorizer, user, "users", "", username);
  else check(authorizer, user, "serviceaccounts", namespace, account);
  for (const group of groups) check(authorizer, user, "groups", "", group);
  const implied = namespace === undefined ? [] : ["system:serviceaccounts", `system:serviceaccounts:${namespace}`];
  return { username, groups: [...new Set([...groups, ...implied, "system:authenticated"])] };
}

function check(
  authorizer: Authorizer,
  user: UserInfo,
  resource: "users" | "groups" | "serviceaccounts",
  namespace: string,
  name: string,
): void {
  const what = { verb: "impersonate", group: "", version: "v1", resource, subresource: "", namespace, name };
  if (authorizer.decide({ user, ...what }).allowed) return;
  const where = namespace === "" ? "at the cluster scope" : `in the namespace "${namespace}"`;
  const why = `User "${user.username}" cannot impersonate resource "${resource}" in API group "" ${where}`;
  throw forbidden({ group: "", plural: resource }, name, why);
}
