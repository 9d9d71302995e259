// PATCH of an object: four ways to say what shall change.

import { messageOf } from "#base/error-message.ts";
import { badRequest, invalid, type KubeError, kubeError } from "#kube/kube-error.ts";
import type { KubeObject } from "#kube/object.ts";
import { timestamp } from "#kube/time.ts";
import { serverSideApply } from "#lab/apiserver/apply/apply.ts";
import { bytesOf, checkObject, decodeText, decodeYaml, mediaTypeOf, withRepetitions } from "#lab/apiserver/body.ts";
import type { ApiContext } from "#lab/apiserver/context.ts";
import { jsonPatch } from "#lab/apiserver/patch/json-patch.ts";
import { mergePatch } from "#lab/apiserver/patch/merge-patch.ts";
import { strategicMergePatch } from "#lab/apiserver/patch/strategic-merge.ts";
import { isForced, type WriteQuery } from "#lab/apiserver/query.ts";
import { findSubresource } from "#lab/apiserver/registry.ts";
import { forbiddenField, requiredValue } from "#lab/apiserver/schema/cause.ts";
import { isFields } from "#lab/apiserver/schema/json.ts";
import { keyOfTarget, notFoundAt, type Target } from "#lab/apiserver/target.ts";
import { createObject } from "./create.ts";
import { checkKind, type Facet } from "./facet.ts";
import { schemaFor, type Written } from "./intake.ts";
import { readObject } from "./read.ts";
import { updateObject } from "./update.ts";

const strategic = "application/strategic-merge-patch+json";
const apply = "application/apply-patch+yaml";

type PatchType = (target: Target, object: KubeObject, patch: unknown) => unknown;

const patchTypes: Readonly<Record<string, PatchType>> = {
  "application/json-patch+json": (_target, object, patch) => jsonPatch(object, patch),
  "application/merge-patch+json": (_target, object, patch) => mergePatch(object, checkPatch(patch)),
  [strategic]: (target, object, patch) => strategicMergePatch(schemaFor(target), object, patch),
};

/** Changes an object as the body says. Throws UnsupportedMediaType, and all that an update throws. */
export function patchObject(context: ApiContext, target: Target, facet: Facet, query: WriteQuery): Written {
  const type = mediaTypeOf(target.request);
  if (type === apply) return applyObject(context, target, facet, { ...query, applies: true });
  const patch = patchTypes[type];
  // Of a custom resource nobody knows how its lists merge.
  if (patch === undefined || (type === strategic && target.definition.custom)) throw unsupported(target);
  if (isForced(target.request.query)) {
    throw badOptions([forbiddenField("force", "may not be specified for non-apply patch")]);
  }
  const live = readObject(context, target);
  const wanted = checkObject(patch(target, facet.show(target, live.object), parsePatch(target)));
  return updateObject(context, target, facet, live, wanted, withRepetitions(target.request, query));
}

/** Server-side apply: makes the object when it is not there. Throws Conflict for fields that others manage. */
function applyObject(context: ApiContext, target: Target, facet: Facet, query: WriteQuery): Written {
  const { request, subresource } = target;
  const manager = request.query.get("fieldManager") ?? "";
  if (manager === "") throw badOptions([requiredValue("fieldManager", "is required for apply patch")]);
  const sent = checkObject(decodeYaml(bodyOf(target)));
  const write = withRepetitions(request, query);
  checkKind(target, sent);
  const applied = withPlace(target, sent);
  const live = context.store.get(keyOfTarget(target));
  if (live === undefined && subresource !== "") throw notFoundAt(target);
  const object = serverSideApply({
    schema: schemaFor(target),
    live: live === undefined ? undefined : facet.show(target, live.object),
    applied,
    manager,
    force: isForced(request.query),
    now: timestamp(context.now()),
    subresource,
    ignored: ignoredFields(target, applied),
  });
  if (live === undefined) return createObject(context, target, object, write);
  return updateObject(context, target, facet, live, object, write);
}

/** What is applied names itself as the path does. */
function withPlace({ name, namespace }: Target, applied: KubeObject): KubeObject {
  const { name: _name, namespace: own, ...metadata } = applied.metadata;
  if (_name !== undefined && _name !== name) {
    throw badRequest(`the name of the object (${_name}) does not match the name on the URL (${name})`);
  }
  const place = own ?? namespace;
  return { ...applied, metadata: { ...metadata, name, ...(place === undefined ? {} : { namespace: place }) } };
}

/** Fields that this face of an object cannot set: nobody becomes their manager by saying them here. */
function ignoredFields({ definition, subresource }: Target, applied: KubeObject): readonly string[] {
  if (subresource === "") return findSubresource(definition, "status") === undefined ? [] : ["status"];
  return Object.keys(applied).filter((field) => field !== "metadata" && field !== subresource);
}

function unsupported({ definition }: Target): KubeError {
  const types = [...Object.keys(patchTypes), apply].filter((type) => !definition.custom || type !== strategic);
  return kubeError(
    "UnsupportedMediaType",
    `the body of the request was in an unknown format - accepted media types include: ${types.join(", ")}`,
  );
}

function badOptions(causes: Parameters<typeof invalid>[3]): KubeError {
  return invalid("PatchOptions", "meta.k8s.io", "", causes);
}

function bodyOf({ request }: Target): Uint8Array {
  const bytes = bytesOf(request);
  if (bytes === undefined) throw badRequest("a patch needs a body");
  return bytes;
}

function parsePatch(target: Target): unknown {
  const bytes = bodyOf(target);
  try {
    return JSON.parse(decodeText(bytes));
  } catch (error) {
    throw badRequest(`error decoding patch: ${messageOf(error)}`);
  }
}

function checkPatch(patch: unknown): unknown {
  if (isFields(patch)) return patch;
  throw badRequest("error decoding patch: a merge patch must be an object");
}
