// Managed fields of updates: whoever writes a whole object manages the fields that the write changed.

import type { KubeObject } from "#kube/object.ts";
import { isFields } from "#lab/apiserver/schema/json.ts";
import { anything, resolve, type Schema } from "#lab/apiserver/schema/schema.ts";
import { changedFields, compare } from "./compare.ts";
import { isEmptySet, subtractSets, unionSets } from "./field-set.ts";
import { isSameManager, type Manager, parseManagers, stripFields, withManagers, withoutManagers } from "./managers.ts";

export type Update = {
  readonly schema: Schema | undefined;
  /** Undefined for a new object. */
  readonly before: KubeObject | undefined;
  /** What will be stored, after defaults; its managedFields are what the client sent. */
  readonly after: KubeObject;
  readonly manager: string;
  readonly apiVersion: string;
  /** "" for the object itself. */
  readonly subresource: string;
  /** RFC 3339, whole seconds. */
  readonly now: string;
};

/**
 * The object with its managed fields. A client may send managed fields of its own: an empty list changes nothing, a
 * list of one empty entry removes them all.
 */
export function updateManagedFields(request: Update): KubeObject {
  const { before, after, manager, apiVersion, subresource, now } = request;
  const schema = request.schema === undefined ? anything : resolve(request.schema);
  if (isReset(after.metadata.managedFields)) return withoutManagers(after);
  const sent = parseManagers(after.metadata.managedFields);
  const known = sent.length > 0 ? sent : parseManagers(before?.metadata.managedFields);

  const difference = compare(schema, before === undefined ? {} : withoutManagers(before), withoutManagers(after));
  const changed = stripFields(changedFields(difference), []);
  const self = { manager, operation: "Update", apiVersion, subresource, time: now } as const;
  const lost = unionSets(changed, difference.removed);
  const managers = known.map((other): Manager => {
    const kept = subtractSets(other.fields, isSameManager(other, self) ? difference.removed : lost);
    return { ...other, fields: kept };
  });
  if (isEmptySet(changed)) return withManagers(after, managers);
  const own = managers.find((other) => isSameManager(other, self));
  const fields = own === undefined ? changed : unionSets(own.fields, changed);
  return withManagers(after, [...managers.filter((other) => other !== own), { ...self, fields }]);
}

function isReset(entries: readonly unknown[] | undefined): boolean {
  const [only] = entries ?? [];
  return entries?.length === 1 && isFields(only) && Object.keys(only).length === 0;
}
