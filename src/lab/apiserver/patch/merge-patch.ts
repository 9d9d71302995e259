// JSON Merge Patch (RFC 7386) on values that are never changed in place.

import { fieldOf, isFields } from "#lab/apiserver/schema/json.ts";

/** The target with the patch's fields merged in: null removes a field, a list replaces a list. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isFields(patch)) return patch;
  const result = new Map(Object.entries(isFields(target) ? target : {}));
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) result.delete(name);
    else result.set(name, mergePatch(isFields(target) ? fieldOf(target, name) : undefined, value));
  }
  return Object.fromEntries(result);
}
