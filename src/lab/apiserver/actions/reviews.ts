// Questions about users and rights: who am I, whose token is this, may I do that.

import { badRequest } from "#kube/kube-error.ts";
import type { Attributes } from "#lab/apiserver/authorizer.ts";
import type { UserInfo } from "#lab/apiserver/request.ts";
import { type Fields, isFields } from "#lab/apiserver/schema/json.ts";
import type { ActionRequest } from "./action.ts";

/** authorization.k8s.io/v1 SelfSubjectAccessReview. */
export function reviewOwnAccess({ context, target, body }: ActionRequest): object {
  return { ...body, status: context.authorizer.decide(attributesOf(target.request.user, fieldsOf(body["spec"]))) };
}

/** authorization.k8s.io/v1 SubjectAccessReview, and LocalSubjectAccessReview. */
export function reviewAccess({ context, body }: ActionRequest): object {
  const spec = fieldsOf(body["spec"]);
  const user = { username: text(spec["user"]), groups: Array.isArray(spec["groups"]) ? spec["groups"].map(text) : [] };
  if (user.username === "" && user.groups.length === 0) {
    throw badRequest("spec.user: Required value: at least one of user or group must be specified");
  }
  return { ...body, status: context.authorizer.decide(attributesOf(user, spec)) };
}

function attributesOf(user: UserInfo, spec: Fields): Attributes {
  const { resourceAttributes: resource, nonResourceAttributes: path } = spec;
  if (isFields(path)) return { user, verb: text(path["verb"]), path: text(path["path"]) };
  if (!isFields(resource)) {
    throw badRequest(
      "spec.resourceAttributes: Required value: exactly one of it and nonResourceAttributes must be there",
    );
  }
  return {
    user,
    verb: text(resource["verb"]),
    group: text(resource["group"]),
    version: text(resource["version"]),
    resource: text(resource["resource"]),
    subresource: text(resource["subresource"]),
    namespace: text(resource["namespace"]),
    name: text(resource["name"]),
  };
}

/** authorization.k8s.io/v1 SelfSubjectRulesReview. */
export function reviewOwnRules({ context, target, body }: ActionRequest): object {
  const namespace = text(fieldsOf(body["spec"])["namespace"]);
  const rules = context.authorizer.rulesOf(target.request.user, namespace);
  return { ...body, status: { ...rules, incomplete: false } };
}

/** authentication.k8s.io/v1 SelfSubjectReview. */
export function reviewSelf({ target, body }: ActionRequest): object {
  return { ...body, status: { userInfo: target.request.user } };
}

/** authentication.k8s.io/v1 TokenReview. */
export function reviewToken({ context, body }: ActionRequest): object {
  const user = context.checkToken(text(fieldsOf(body["spec"])["token"]));
  const status =
    user === undefined ? { authenticated: false, error: "invalid bearer token" } : { authenticated: true, user };
  return { ...body, status };
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {};
}
