// Default values that a schema states.

import { type Fields, fieldOf, isFields } from "./json.ts";
import { itemSchema, propertySchema, resolve, type Schema } from "./schema.ts";

/**
 * The value with the schema's defaults where fields are absent, also inside of defaults just taken.
 * The value itself when nothing is missing.
 */
export function applyDefaults<T>(schema: Schema, value: T): T {
  // Defaults only add fields.
  return fill(resolve(schema), value) as T;
}

function fill(schema: Schema, value: unknown): unknown {
  if (Array.isArray(value)) {
    if (schema.items === undefined) return value;
    const items = itemSchema(schema);
    const filled = value.map((item) => fill(items, item));
    return filled.every((item, index) => item === value[index]) ? value : filled;
  }
  return isFields(value) ? fillFields(schema, value) : value;
}

function fillFields(schema: Schema, object: Fields): Fields {
  const changed = new Map<string, unknown>();
  for (const [name, property] of propertiesWithDefault(schema)) {
    const old = fieldOf(object, name);
    const absent = old === undefined || (old === null && property.nullable !== true);
    if (absent) changed.set(name, fill(property, property.default));
  }
  for (const [name, old] of Object.entries(object)) {
    if (typeof old !== "object" || old === null) continue;
    const property = propertySchema(schema, name);
    const filled = property === undefined ? old : fill(property, old);
    if (filled !== old) changed.set(name, filled);
  }
  return changed.size === 0 ? object : { ...object, ...Object.fromEntries(changed) };
}

const withDefault = new WeakMap<Schema, readonly (readonly [string, Schema])[]>();

/** Few of a type's fields have a default: they are found once. */
function propertiesWithDefault(schema: Schema): readonly (readonly [string, Schema])[] {
  const known = withDefault.get(schema);
  if (known !== undefined) return known;
  const all = Object.entries(schema.properties ?? {}).map(([name, property]) => [name, resolve(property)] as const);
  const found = all.filter(([, property]) => property.default !== undefined);
  withDefault.set(schema, found);
  return found;
}
