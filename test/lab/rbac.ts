// Rights in tests: users, roles and bindings in short, and a server that goes by them.

import { expect } from "bun:test";
import type { Attributes } from "#lab/apiserver/authorizer.ts";
import { bootstrapRoles, rbacResource } from "#lab/apiserver/authz/bootstrap-roles.ts";
import type { UserInfo } from "#lab/apiserver/request.ts";
import { at, TestApi } from "./api.ts";

export const rbacPath = "/apis/rbac.authorization.k8s.io/v1";

export function user(username: string, ...groups: readonly string[]): UserInfo {
  return { username, groups: [...groups, "system:authenticated"] };
}

export function role(kind: "Role" | "ClusterRole", name: string, rules: readonly object[], more: object = {}): object {
  return { apiVersion: "rbac.authorization.k8s.io/v1", kind, metadata: { name }, rules, ...more };
}

export function binding(
  kind: "RoleBinding" | "ClusterRoleBinding",
  name: string,
  roleRef: string,
  ...subjects: object[]
): object {
  const [roleKind, roleName] = roleRef.split("/");
  const apiVersion = "rbac.authorization.k8s.io/v1";
  return { apiVersion, kind, metadata: { name }, roleRef: { kind: roleKind, name: roleName }, subjects };
}

export const jane = { kind: "User", name: "jane" };
export const staff = { kind: "Group", name: "staff" };

/** With the roles of a new cluster, and `shop`. */
export async function cluster(): Promise<TestApi> {
  const api = await TestApi.withShop({ authorizer: "rbac" });
  for (const object of bootstrapRoles) {
    const { status, body } = await api.send(`POST ${rbacPath}/${rbacResource(object.kind).plural}`, object);
    if (status !== 201) throw new Error(`${object.kind} ${object.metadata.name}: ${JSON.stringify(body)}`);
  }
  return api;
}

export async function send(api: TestApi, line: string, body: object): Promise<void> {
  const answer = await api.send(line, body);
  expect([line, answer.status, at(answer.body, "message")]).toEqual([line, 201, undefined]);
}

/** `get pods/log.apps/v1 shop/web`: verb, resource, where. */
export function asked(by: UserInfo, text: string): Attributes {
  const [verb = "", what = "", where = ""] = text.split(" ");
  if (what.startsWith("/")) return { user: by, verb, path: what };
  const [full = "", ...group] = what.split(".");
  const [resource = "", subresource = ""] = full.split("/");
  const [namespace = "", name = ""] = where.split("/");
  return { user: by, verb, group: group.join("."), version: "v1", resource, subresource, namespace, name };
}
