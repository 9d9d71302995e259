// Puts an applied configuration over the live object, and takes away what its manager no longer wants.

import { type Fields, isFields, without } from "#lab/apiserver/schema/json.ts";
import { anything, itemSchema, propertySchema, type Schema } from "#lab/apiserver/schema/schema.ts";
import { elementKey, hasElements } from "./elements.ts";
import type { FieldSet } from "./field-set.ts";

/** The live value with the applied one in it: objects and keyed lists merge, everything else is the applied one's. */
export function mergeApplied(schema: Schema, live: unknown, applied: unknown): unknown {
  if (isFields(live) && isFields(applied) && schema["x-kubernetes-map-type"] !== "atomic") {
    const merged = Object.entries(applied).map(([name, value]) => {
      const old = Object.hasOwn(live, name) ? live[name] : undefined;
      return [name, mergeApplied(propertySchema(schema, name) ?? anything, old, value)] as const;
    });
    return { ...live, ...Object.fromEntries(merged) };
  }
  if (!Array.isArray(live) || !Array.isArray(applied) || !hasElements(schema)) return applied;
  return mergeLists(schema, live, applied);
}

/**
 * Items in the applied order. Those that only the live list has stay behind what they stood behind, before what is new.
 * Of live items with the same key the first is merged.
 */
function mergeLists(schema: Schema, live: readonly unknown[], applied: readonly unknown[]): readonly unknown[] {
  const items = itemSchema(schema);
  const keysOf = (list: readonly unknown[]) => list.map((item, index) => elementKey(schema, item, index));
  const liveKeys = keysOf(live);
  const appliedKeys = keysOf(applied);
  const wanted = new Set(appliedKeys);
  const placed = new Set<string>();
  const result: unknown[] = [];
  let next = 0;
  for (const [index, key] of appliedKeys.entries()) {
    for (; next < live.length; next++) {
      const liveKey = liveKeys[next] ?? "";
      if (!wanted.has(liveKey)) result.push(live[next]);
      else if (!placed.has(liveKey)) break;
    }
    const old = liveKeys.indexOf(key);
    result.push(mergeApplied(items, old < 0 ? undefined : live[old], applied[index]));
    placed.add(key);
  }
  return [...result, ...live.slice(next).filter((_, index) => !wanted.has(liveKeys[next + index] ?? ""))];
}

/**
 * The value without the fields of `released` that nobody is left to own. A field that the schema names goes with all
 * that is in it, also when the manager only named fields below it.
 */
export function removeReleased(schema: Schema, value: unknown, released: FieldSet, owned: FieldSet): unknown {
  if (isFields(value)) return removeFromFields(schema, value, released, owned);
  if (!Array.isArray(value) || !hasElements(schema)) return value;
  const items = itemSchema(schema);
  return value.flatMap((item, index) => {
    const key = elementKey(schema, item, index);
    const gone = released.children.get(key);
    const kept = owned.children.get(key);
    if (gone === undefined) return [item];
    if (kept === undefined) return gone.member ? [] : [item];
    return [removeReleased(items, item, gone, kept)];
  });
}

function removeFromFields(schema: Schema, object: Fields, released: FieldSet, owned: FieldSet): Fields {
  let result = object;
  for (const [element, gone] of released.children) {
    const name = element.slice(2);
    if (!element.startsWith("f:") || !Object.hasOwn(result, name)) continue;
    const property = propertySchema(schema, name);
    const named = schema.properties !== undefined && Object.hasOwn(schema.properties, name);
    const kept = owned.children.get(element);
    if (kept === undefined && (gone.member || named)) {
      result = without(result, name);
    } else if (property !== undefined || schema === anything) {
      const left = removeReleased(
        property ?? anything,
        result[name],
        gone,
        kept ?? { member: false, children: new Map() },
      );
      if (left !== result[name]) result = { ...result, [name]: left };
    }
  }
  return result;
}
