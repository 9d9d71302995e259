// Changes of an object: what PUT and all patches have in common once the wanted object is known.

import { badRequest, conflict, invalid } from "#kube/kube-error.ts";
import type { KubeObject } from "#kube/object.ts";
import { type ApiContext, ruleContext } from "#lab/apiserver/context.ts";
import { finalizerAdditions } from "#lab/apiserver/metadata.ts";
import type { WriteQuery } from "#lab/apiserver/query.ts";
import type { ResourceDefinition } from "#lab/apiserver/registry.ts";
import { invalidValue } from "#lab/apiserver/schema/cause.ts";
import type { Stored } from "#lab/apiserver/store/stored.ts";
import type { Target } from "#lab/apiserver/target.ts";
import { isDone } from "./deletion.ts";
import { checkKind, type Facet } from "./facet.ts";
import { applyRules, takeIn, type Written, withManagers } from "./intake.ts";

/** Another client was faster (apiserver's words: kubectl and client libraries show them). */
const modifiedMeanwhile = "the object has been modified; please apply your changes to the latest version and try again";

/**
 * Replaces a face of an object by what a client wants of it, in the requested version; nothing is written when nothing changes.
 * Throws Conflict, Invalid or BadRequest.
 */
export function updateObject(
  context: ApiContext,
  target: Target,
  facet: Facet,
  live: Stored,
  sent: KubeObject,
  query: WriteQuery,
): Written {
  checkKind(target, sent);
  const { object: wanted, warnings } = takeIn(target, sent, query);
  checkPlace(target, wanted);
  checkRevision(target, live, wanted);
  const object = change(context, target, query, live.object, facet.merge(target, live.object, wanted));
  return { object: storeChange(context, target.definition, live, object, query.dryRun), warnings, created: false };
}

/** Stores a changed object, or removes it when its deletion waited for this change. */
export function storeChange(
  { store }: ApiContext,
  definition: ResourceDefinition,
  live: Stored,
  object: KubeObject,
  dryRun: boolean,
): KubeObject {
  if (sameBut(object, live.object)) return live.object;
  if (isDone(definition, object)) {
    if (!dryRun) store.remove(live.key, live.revision);
    return object;
  }
  return dryRun ? object : store.update(live.key, object, live.revision).object;
}

function change(
  context: ApiContext,
  target: Target,
  query: WriteQuery,
  live: KubeObject,
  merged: KubeObject,
): KubeObject {
  const { definition, subresource, request } = target;
  const rules = definition.rules.prepareUpdate;
  const by = ruleContext(context, request.user, subresource);
  const prepared = applyRules(target, merged, (changed) => rules?.(changed, live, by) ?? changed);
  const object = withManagers(context, target, query, live, countGeneration(definition, prepared, live));
  const causes = [
    ...finalizerAdditions(object.metadata, live.metadata),
    ...(definition.rules.validate?.(object, live) ?? []),
  ];
  if (causes.length > 0) throw invalid(definition.kind, definition.group, live.metadata.name ?? "", causes);
  definition.rules.admit?.(object, live, by);
  return object;
}

/** `metadata.generation` counts what the user wants differently: everything but metadata and status. */
function countGeneration(definition: ResourceDefinition, object: KubeObject, live: KubeObject): KubeObject {
  if (!definition.generation) return object;
  const { metadata: _new, status: _newStatus, ...wanted } = object;
  const { metadata, status: _oldStatus, ...was } = live;
  if (Bun.deepEquals(wanted, was, true)) return object;
  return { ...object, metadata: { ...object.metadata, generation: (metadata.generation ?? 0) + 1 } };
}

/** The name and namespace of the body, when it has them, are those of the path. */
function checkPlace({ name, namespace }: Target, { metadata }: KubeObject): void {
  if (metadata.name !== undefined && metadata.name !== "" && metadata.name !== name) {
    throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${name})`);
  }
  if (metadata.namespace !== undefined && metadata.namespace !== "" && metadata.namespace !== (namespace ?? "")) {
    throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
  }
}

/** Of custom resources every update has to say which state it is made of (apiserver's "unconditional update"). */
function checkRevision({ definition, name, subresource }: Target, live: Stored, { metadata }: KubeObject): void {
  const { resourceVersion = "" } = metadata;
  const unconditional = resourceVersion === "" || resourceVersion === "0";
  if (unconditional && definition.custom && subresource !== "scale") {
    const cause = invalidValue("metadata.resourceVersion", 0, "must be specified for an update");
    throw invalid(definition.kind, definition.group, name, [cause]);
  }
  if (!unconditional && resourceVersion !== String(live.revision)) throw conflict(definition, name, modifiedMeanwhile);
}

/** Whether two states differ in nothing that counts: when managed fields were written is no difference. */
function sameBut(object: KubeObject, live: KubeObject): boolean {
  return Bun.deepEquals(timeless(object), timeless(live), true);
}

function timeless(object: KubeObject): KubeObject {
  const { managedFields, ...metadata } = object.metadata;
  if (managedFields === undefined) return object;
  const untimed = managedFields.map((entry) => ({ ...(entry as object), time: "" }));
  return { ...object, metadata: { ...metadata, managedFields: untimed } };
}
