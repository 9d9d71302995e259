// Fields that a schema does not know: named for strict validation, left out of what is stored.

import { type Fields, isFields } from "./json.ts";
import { fieldPath, itemPath } from "./path.ts";
import { itemSchema, keepsUnknown, propertySchema, resolve, type Schema } from "./schema.ts";

/**
 * The value without unknown fields, and without nulls where the schema says nothing of them: both are as if they had not
 * been sent. The value itself when there is nothing to leave out.
 */
export function prune<T>(schema: Schema, value: T): T {
  // Pruning never changes what a value is, only which fields it has.
  return pruneValue(resolve(schema), value, "", undefined) as T;
}

/** Paths of the fields that the schema does not know, such as `spec.containers[0].imagge`. */
export function unknownFields(schema: Schema, value: unknown): readonly string[] {
  const unknown: string[] = [];
  pruneValue(resolve(schema), value, "", (path) => unknown.push(path));
  return unknown;
}

type OnUnknown = ((path: string) => void) | undefined;

/** Fields that an embedded object has whatever its schema says. */
const embedded: readonly string[] = ["apiVersion", "kind", "metadata"];
const objectMeta: Schema = { $ref: "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta" };

function pruneValue(schema: Schema, value: unknown, path: string, onUnknown: OnUnknown): unknown {
  if (Array.isArray(value)) {
    if (schema.items === undefined) return value;
    const items = itemSchema(schema);
    const pruned = value.map((item, index) => pruneValue(items, item, itemPath(path, index), onUnknown));
    return pruned.every((item, index) => item === value[index]) ? value : pruned;
  }
  if (!isFields(value) || !hasFields(schema)) return value;
  return pruneFields(schema, value, path, onUnknown);
}

function pruneFields(schema: Schema, object: Fields, path: string, onUnknown: OnUnknown): Fields {
  const kept: (readonly [string, unknown])[] = [];
  let same = true;
  for (const [name, value] of Object.entries(object)) {
    const property = schemaOfField(schema, name);
    if (property === undefined) {
      if (keepsUnknown(schema)) kept.push([name, value]);
      else {
        onUnknown?.(fieldPath(path, name));
        same = false;
      }
    } else if (value === null && property.nullable !== true && !keepsUnknown(property)) {
      same = false;
    } else {
      const pruned = pruneValue(property, value, fieldPath(path, name), onUnknown);
      same &&= pruned === value;
      kept.push([name, pruned]);
    }
  }
  return same ? object : Object.fromEntries(kept);
}

function schemaOfField(schema: Schema, name: string): Schema | undefined {
  const found = propertySchema(schema, name);
  if (found !== undefined || schema["x-kubernetes-embedded-resource"] !== true || !embedded.includes(name))
    return found;
  return name === "metadata" ? resolve(objectMeta) : { type: "string" };
}

/** Whether the schema is one of an object at all: of anything else nothing can be unknown. */
function hasFields(schema: Schema): boolean {
  return schema.type === "object" || schema.properties !== undefined || schema.additionalProperties !== undefined;
}
