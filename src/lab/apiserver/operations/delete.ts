// DELETE of an object and of a collection.

import type { KubeObject } from "#kube/object.ts";
import type { ApiContext } from "#lab/apiserver/context.ts";
import { checkFields, selects } from "#lab/apiserver/field-selector.ts";
import { prefixOf } from "#lab/apiserver/keys.ts";
import { answerList, answerObject } from "#lab/apiserver/present.ts";
import type { ListQuery } from "#lab/apiserver/query.ts";
import type { ResourceDefinition } from "#lab/apiserver/registry.ts";
import { type ApiResponse, jsonResponse } from "#lab/apiserver/request.ts";
import type { Stored } from "#lab/apiserver/store/stored.ts";
import type { Target } from "#lab/apiserver/target.ts";
import { checkPreconditions, type DeleteOptions, isDone, markDeleted } from "./deletion.ts";
import { readObject } from "./read.ts";

export type Deleted = { readonly object: KubeObject; readonly gone: boolean };

/** Deletes one object as far as its finalizers and its grace period let it. Throws Conflict for preconditions that do not hold. */
export function deleteStored(
  context: ApiContext,
  definition: ResourceDefinition,
  live: Stored,
  options: DeleteOptions,
): Deleted {
  checkPreconditions(definition, live.object, options);
  definition.rules.admitDelete?.(live.object);
  const marked = markDeleted(definition, live.object, options, context.now());
  const gone = isDone(definition, marked);
  if (options.dryRun) return { object: marked, gone };
  if (gone) return { object: context.store.remove(live.key, live.revision).object, gone };
  if (Bun.deepEquals(marked, live.object, true)) return { object: live.object, gone };
  return { object: context.store.update(live.key, marked, live.revision).object, gone };
}

/** A pod is always answered with itself; of other kinds only what stays for a while (API server's REST storage). */
export function deleteObject(context: ApiContext, target: Target, options: DeleteOptions): ApiResponse {
  const { definition, name } = target;
  const { object, gone } = deleteStored(context, definition, readObject(context, target), options);
  if (!gone || (definition.group === "" && definition.kind === "Pod")) return answerObject(context, target, object);
  const { group, plural: kind } = definition;
  const details = { name, ...(group === "" ? {} : { group }), kind, uid: object.metadata.uid };
  return jsonResponse({ kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details });
}

export function deleteCollection(
  context: ApiContext,
  target: Target,
  query: ListQuery,
  options: DeleteOptions,
): ApiResponse {
  const { definition, namespace } = target;
  checkFields(definition, query.fields);
  const { items } = context.store.list(prefixOf(definition, namespace));
  const selected = items.filter((stored) => selects(target, query, stored.object));
  for (const stored of selected) deleteStored(context, definition, stored, options);
  return answerList(context, target, selected, { resourceVersion: String(context.store.revision) });
}
