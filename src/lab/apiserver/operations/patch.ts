// PATCH of an object: several ways to say what shall change, one way to change it.

import { badRequest, kubeError } from "#kube/kube-error.ts";
import type { KubeObject } from "#kube/object.ts";
import { checkObject, decodeText, mediaTypeOf } from "#lab/apiserver/body.ts";
import type { ApiContext } from "#lab/apiserver/context.ts";
import { jsonPatch } from "#lab/apiserver/patch/json-patch.ts";
import { mergePatch } from "#lab/apiserver/patch/merge-patch.ts";
import { strategicMergePatch } from "#lab/apiserver/patch/strategic-merge.ts";
import type { WriteQuery } from "#lab/apiserver/query.ts";
import { isFields } from "#lab/apiserver/schema/json.ts";
import type { Target } from "#lab/apiserver/target.ts";
import type { Facet } from "./facet.ts";
import { schemaFor, type Written } from "./intake.ts";
import { readObject } from "./read.ts";
import { updateObject } from "./update.ts";

const strategic = "application/strategic-merge-patch+json";

type PatchType = (target: Target, object: KubeObject, patch: unknown) => unknown;

const patchTypes: Readonly<Record<string, PatchType>> = {
  "application/json-patch+json": (_target, object, patch) => jsonPatch(object, patch),
  "application/merge-patch+json": (_target, object, patch) => mergePatch(object, checkPatch(patch)),
  [strategic]: (target, object, patch) => strategicMergePatch(schemaFor(target), object, patch),
};

/** Changes an object as the body says. Throws UnsupportedMediaType, and all that an update throws. */
export function patchObject(context: ApiContext, target: Target, facet: Facet, query: WriteQuery): Written {
  const type = mediaTypeOf(target.request);
  const patch = patchTypes[type];
  if (patch === undefined || (type === strategic && target.definition.custom)) throw unsupported(target);
  const live = readObject(context, target);
  const body = parsePatch(target);
  const wanted = checkObject(patch(target, facet.show(target, live.object), body));
  return updateObject(context, target, facet, live, wanted, query);
}

/** Of a custom resource nobody knows how its lists merge: a strategic patch of one does not exist. */
function unsupported({ definition }: Target): Error {
  const types = Object.keys(patchTypes).filter((type) => !definition.custom || type !== strategic);
  return kubeError(
    "UnsupportedMediaType",
    `the body of the request was in an unknown format - accepted media types include: ${types.join(", ")}`,
  );
}

function parsePatch({ request: { body } }: Target): unknown {
  if (body === undefined || body.byteLength === 0) throw badRequest("a patch needs a body");
  try {
    return JSON.parse(decodeText(body));
  } catch (error) {
    throw badRequest(`error decoding patch: ${error instanceof Error ? error.message : error}`);
  }
}

function checkPatch(patch: unknown): unknown {
  if (isFields(patch)) return patch;
  throw badRequest("error decoding patch: a merge patch must be an object");
}
