// Default values that a schema states.

import { type Fields, fieldOf, isFields } from "./json.ts";
import { itemSchema, resolve, type Schema } from "./schema.ts";

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
  const properties = schema.properties ?? {};
  for (const [name, reference] of Object.entries(properties)) {
    const property = resolve(reference);
    const old = fieldOf(object, name);
    const absent = old === undefined || (old === null && property.nullable !== true);
    if (absent && property.default === undefined) continue;
    const filled = fill(property, absent ? property.default : old);
    if (filled !== old) changed.set(name, filled);
  }
  const { additionalProperties } = schema;
  if (typeof additionalProperties === "object") {
    const property = resolve(additionalProperties);
    for (const [name, old] of Object.entries(object)) {
      if (Object.hasOwn(properties, name)) continue;
      const filled = fill(property, old);
      if (filled !== old) changed.set(name, filled);
    }
  }
  return changed.size === 0 ? object : { ...object, ...Object.fromEntries(changed) };
}
