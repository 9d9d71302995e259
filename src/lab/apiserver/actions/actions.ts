// Which requests are actions: subresources and kinds that are answered without being stored.

import type { Target } from "#lab/apiserver/target.ts";
import type { Action } from "./action.ts";
import { bindPod } from "./binding.ts";
import { evictPod } from "./eviction.ts";
import { reviewAccess, reviewOwnAccess, reviewOwnRules, reviewSelf, reviewToken } from "./reviews.ts";
import { requestToken } from "./token.ts";

/** By group, plural and subresource. */
const actions: Readonly<Record<string, Action>> = {
  "/pods/binding": bindPod,
  "/pods/eviction": evictPod,
  "/serviceaccounts/token": requestToken,
  "/bindings/": (request) => bindPod({ ...request, target: podOf(request.target, request.body.metadata.name) }),
  "authentication.k8s.io/tokenreviews/": reviewToken,
  "authentication.k8s.io/selfsubjectreviews/": reviewSelf,
  "authorization.k8s.io/localsubjectaccessreviews/": reviewAccess,
  "authorization.k8s.io/selfsubjectaccessreviews/": reviewOwnAccess,
  "authorization.k8s.io/selfsubjectrulesreviews/": reviewOwnRules,
  "authorization.k8s.io/subjectaccessreviews/": reviewAccess,
};

export function actionOf({ definition, subresource }: Target): Action | undefined {
  return actions[`${definition.group}/${definition.plural}/${subresource}`];
}

/** A Binding posted to its own collection names the pod in its metadata. */
function podOf(target: Target, name = ""): Target {
  return { ...target, definition: { ...target.definition, kind: "Pod", plural: "pods" }, name };
}
