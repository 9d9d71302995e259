// Strategic merge patch: a merge patch whose lists merge by key where the schema says so, with directives in the patch.

import { badRequest } from "#kube/kube-error.ts";
import { canonicalJson, equalJson, type Fields, fieldOf, isFields, without } from "#lab/apiserver/schema/json.ts";
import { anything, itemSchema, propertySchema, resolve, type Schema } from "#lab/apiserver/schema/schema.ts";
import { orderList } from "./element-order.ts";

const directive = "$patch";
const retainKeys = "$retainKeys";
const elementOrder = "$setElementOrder/";
const deleteFromList = "$deleteFromPrimitiveList/";

/**
 * The object with a patch of content type application/strategic-merge-patch+json merged in.
 * @throws KubeError BadRequest when a directive is malformed or a list item lacks its merge key
 * @see the Kubernetes documentation, "Update API objects in place using kubectl patch" and "Strategic merge patch"
 */
export function strategicMergePatch(schema: Schema, object: Fields, patch: unknown): Fields {
  if (!isFields(patch)) throw badRequest("Cannot apply the strategic merge patch: it is not an object");
  return mergeFields(resolve(schema), object, patch);
}

function mergeFields(schema: Schema, object: Fields, patch: Fields): Fields {
  switch (patch[directive]) {
    case undefined:
    case "merge":
      break;
    case "replace":
      return without(patch, directive);
    case "delete":
      return {};
    default:
      throw badRequest(`Cannot apply the strategic merge patch: unknown ${directive} ${String(patch[directive])}`);
  }
  const result = new Map(Object.entries(retain(object, patch)));
  for (const [name, value] of Object.entries(patch)) {
    if (name === directive || name === retainKeys || name.startsWith(elementOrder)) continue;
    if (name.startsWith(deleteFromList)) {
      const field = name.slice(deleteFromList.length);
      const list = result.get(field);
      if (Array.isArray(list)) {
        const gone = listOf(name, value);
        result.set(
          field,
          list.filter((item) => !gone.some((other) => equalJson(item, other))),
        );
      }
    } else if (value === null) {
      result.delete(name);
    } else {
      result.set(name, mergeValue(propertySchema(schema, name) ?? anything, name, result.get(name), value, patch));
    }
  }
  // An order may come alone: nothing of the list changes but its order.
  for (const [name, value] of Object.entries(patch)) {
    const field = name.slice(elementOrder.length);
    const list = result.get(field);
    if (!name.startsWith(elementOrder) || Object.hasOwn(patch, field) || !Array.isArray(list)) continue;
    const keyOf = keyReader(propertySchema(schema, field)?.["x-kubernetes-patch-merge-key"]);
    result.set(field, orderList({ list, before: list, order: listOf(name, value), keyOf }));
  }
  return Object.fromEntries(result);
}

function mergeValue(schema: Schema, name: string, old: unknown, value: unknown, patch: Fields): unknown {
  const merges = strategies(schema).includes("merge");
  if (Array.isArray(value)) {
    if (!merges) return value;
    const mergeKey = schema["x-kubernetes-patch-merge-key"];
    const before = Array.isArray(old) ? old : [];
    const list =
      mergeKey === undefined
        ? mergePrimitives(before, value)
        : mergeItems(itemSchema(schema), name, mergeKey, before, value);
    const order = fieldOf(patch, elementOrder + name);
    if (order === undefined) return list;
    return orderList({ list, before, order: listOf(elementOrder + name, order), keyOf: keyReader(mergeKey) });
  }
  if (!isFields(value)) return value;
  const replaces = strategies(schema).includes("replace");
  return mergeFields(schema, isFields(old) && !replaces ? old : {}, value);
}

function keyReader(mergeKey: string | undefined): (item: unknown) => string {
  return (item) => canonicalJson(mergeKey !== undefined && isFields(item) ? fieldOf(item, mergeKey) : item);
}

function strategies(schema: Schema): readonly string[] {
  return schema["x-kubernetes-patch-strategy"]?.split(",") ?? [];
}

/** "$retainKeys": fields of the object that the list does not name are cleared. */
function retain(object: Fields, patch: Fields): Fields {
  if (!Object.hasOwn(patch, retainKeys)) return object;
  const kept = listOf(retainKeys, patch[retainKeys]);
  const extra = Object.keys(patch).find((name) => !name.startsWith("$") && !kept.includes(name));
  if (extra !== undefined) {
    throw badRequest(`Cannot apply the strategic merge patch: ${retainKeys} does not name ${extra}, which is patched`);
  }
  return Object.fromEntries(Object.entries(object).filter(([name]) => kept.includes(name)));
}

function mergePrimitives(before: readonly unknown[], added: readonly unknown[]): readonly unknown[] {
  const result: unknown[] = [];
  for (const item of [...before, ...added]) {
    if (!result.some((other) => equalJson(item, other))) result.push(item);
  }
  return result;
}

function mergeItems(
  schema: Schema,
  list: string,
  mergeKey: string,
  before: readonly unknown[],
  patches: readonly unknown[],
): readonly unknown[] {
  const items = patches.map((patch) => {
    if (isFields(patch)) return patch;
    throw badRequest(`Cannot apply the strategic merge patch: ${list} has an item that is not an object`);
  });
  // { "$patch": "replace" } among the items: the others are the whole list.
  if (items.some((item) => item[directive] === "replace")) {
    return items.filter((item) => item[directive] !== "replace");
  }
  let result = before;
  for (const item of items) {
    if (!Object.hasOwn(item, mergeKey)) {
      throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${mergeKey} (in ${list})`);
    }
    const key = item[mergeKey];
    const same = (other: unknown): other is Fields => isFields(other) && equalJson(fieldOf(other, mergeKey), key);
    if (item[directive] === "delete") {
      result = result.filter((other) => !same(other));
      continue;
    }
    const index = result.findIndex(same);
    const old = result[index];
    const merged = mergeFields(schema, isFields(old) ? old : {}, item);
    result = index === -1 ? [...result, merged] : result.with(index, merged);
  }
  return result;
}

function listOf(name: string, value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw badRequest(`Cannot apply the strategic merge patch: ${name} is not a list`);
}
