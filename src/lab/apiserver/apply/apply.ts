// Server-side apply: a manager says all the fields it has an opinion on; conflicts with others are found, not overwritten.

import { badRequest, kubeError } from "#kube/kube-error.ts";
import type { KubeObject } from "#kube/object.ts";
import { equalJson, isFields } from "#lab/apiserver/schema/json.ts";
import { prune, unknownFields } from "#lab/apiserver/schema/prune.ts";
import { anything, resolve, type Schema } from "#lab/apiserver/schema/schema.ts";
import { changedFields, compare, fieldsIn } from "./compare.ts";
import { applyConflict } from "./conflict.ts";
import { elementsOf } from "./elements.ts";
import { emptySet, equalSets, formatPath, intersectSets, isEmptySet, subtractSets, unionSets } from "./field-set.ts";
import { isSameManager, type Manager, parseManagers, stripFields, withManagers, withoutManagers } from "./managers.ts";
import { mergeApplied, removeReleased } from "./merge.ts";

export type Apply = {
  /** Undefined for objects without a schema: then maps merge and lists are replaced. */
  readonly schema: Schema | undefined;
  /** Undefined when the object is not there yet. */
  readonly live: KubeObject | undefined;
  readonly applied: KubeObject;
  readonly manager: string;
  /** Takes fields from other managers instead of failing. */
  readonly force: boolean;
  /** RFC 3339, whole seconds. */
  readonly now: string;
  /** "" for the object itself. */
  readonly subresource: string;
  /** Fields at the top that this request cannot set, such as `status`: never managed by it. */
  readonly ignored?: readonly string[];
};

/**
 * The object after the apply; the live one itself when nothing changes.
 * @throws KubeError Conflict with a cause FieldManagerConflict for each field that another manager has with another value
 * @throws KubeError BadRequest when the configuration names unknown fields, or lists items without their keys
 * @see the Kubernetes documentation, "Server-Side Apply"
 */
export function serverSideApply(request: Apply): KubeObject {
  const { live, force, now, ignored = [] } = request;
  const schema = request.schema === undefined ? anything : resolve(request.schema);
  checkApplied(schema, request.applied);
  const applied = prune(schema, withoutManagers(request.applied));

  const self = { ...identityOf(request), time: now };
  const managers = parseManagers(live?.metadata.managedFields);
  const last = managers.find((manager) => isSameManager(manager, self));
  const others = managers.filter((manager) => manager !== last);
  const fields = stripFields(fieldsIn(schema, applied, "applied"), ignored);

  const before = live === undefined ? undefined : withoutManagers(live);
  const merged = before === undefined ? applied : mergeApplied(schema, before, applied);
  const owned = [...others.map((manager) => manager.fields), fields].reduce(unionSets, emptySet);
  const after = removeReleased(schema, merged, last?.fields ?? emptySet, owned);

  const difference = compare(schema, before ?? {}, after);
  const taken = changedFields(difference);
  const conflicts = others
    .map((manager) => ({ with: manager, fields: intersectSets(manager.fields, taken) }))
    .filter((conflict) => !isEmptySet(conflict.fields));
  if (conflicts.length > 0 && !force) throw applyConflict(conflicts);

  const lost = unionSets(taken, difference.removed);
  const left = others.map((manager) => ({ ...manager, fields: subtractSets(manager.fields, lost) }));
  if (live !== undefined && equalJson(before, after) && last !== undefined && equalSets(last.fields, fields))
    return live;
  return withManagers(asObject(after, request.applied), [...left, { ...self, fields }]);
}

function identityOf({ manager, applied, subresource }: Apply): Omit<Manager, "time" | "fields"> {
  return { manager, operation: "Apply", apiVersion: applied.apiVersion, subresource };
}

/** Merging and removing leave `apiVersion`, `kind` and `metadata` in place: nobody can release them. */
function asObject(value: unknown, { apiVersion, kind }: KubeObject): KubeObject {
  if (!isFields(value)) throw kubeError("InternalError", "Cannot apply: the merged object is no object");
  const { metadata } = value;
  return { ...value, apiVersion, kind, metadata: isFields(metadata) ? metadata : {} };
}

function checkApplied(schema: Schema, applied: KubeObject): void {
  const name = `${applied.metadata.namespace ?? ""}/${applied.metadata.name ?? ""}; ${applied.apiVersion}, Kind=${applied.kind}`;
  if (applied.metadata.managedFields !== undefined && applied.metadata.managedFields.length > 0) {
    throw badRequest("metadata.managedFields must be nil");
  }
  const fault = (path: string, why: string): Error =>
    badRequest(`failed to create typed patch object (${name}): ${path}: ${why}`);
  const [unknown] = unknownFields(schema, applied);
  if (unknown !== undefined) throw fault(`.${unknown}`, "field not declared in schema");
  const keyless = findFaultyList(schema, applied, []);
  if (keyless !== undefined) throw fault(formatPath(keyless.path), keyless.why);
}

type FaultyList = { readonly path: readonly string[]; readonly why: string };

/** A keyed list with an item that cannot be told apart: a key is missing, or two items have the same. */
function findFaultyList(schema: Schema, value: unknown, path: readonly string[]): FaultyList | undefined {
  const elements = elementsOf(schema, value);
  if (elements === undefined) return undefined;
  const index = [...elements.keys()].findIndex((element) => element.startsWith("i:"));
  if (index >= 0) {
    const keys = schema["x-kubernetes-list-map-keys"]?.map((key) => JSON.stringify(key)).join(", ");
    return { path, why: `element ${index}: associative list with keys has an element that omits key field ${keys}` };
  }
  if (Array.isArray(value) && elements.size < value.length) return { path, why: "duplicate entries for key" };
  for (const [element, child] of elements) {
    const fault = findFaultyList(child.schema, child.value, [...path, element]);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
