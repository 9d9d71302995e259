// The parts of a value that can have managers of their own, as its schema says.

import { canonicalJson, type Fields, isFields } from "#lab/apiserver/schema/json.ts";
import { anything, itemSchema, propertySchema, type Schema } from "#lab/apiserver/schema/schema.ts";
import { listMapKey } from "#lab/apiserver/schema/validate.ts";

export type Element = {
  readonly schema: Schema;
  readonly value: unknown;
  /** Whether the schema names it: a field of a struct, in contrast to a key of a map and to an item. */
  readonly named: boolean;
  /** Whether it is always there, if only empty: Kubernetes' structs have such lists from the start. */
  readonly required: boolean;
};

/**
 * Parts by their path element; undefined for what is managed whole: scalars, atomic lists, atomic objects.
 * Of items with the same key the last one counts.
 */
export function elementsOf(schema: Schema, value: unknown): ReadonlyMap<string, Element> | undefined {
  if (isFields(value)) {
    return schema["x-kubernetes-map-type"] === "atomic" ? undefined : fieldsOf(schema, value);
  }
  if (!Array.isArray(value) || !hasElements(schema)) return undefined;
  const items = itemSchema(schema);
  const elements = value.map(
    (item, index) =>
      [elementKey(schema, item, index), { schema: items, value: item, named: false, required: false }] as const,
  );
  return new Map(elements);
}

function fieldsOf(schema: Schema, object: Fields): ReadonlyMap<string, Element> {
  const properties = schema.properties ?? {};
  return new Map(
    Object.entries(object).map(([name, value]) => {
      const named = Object.hasOwn(properties, name);
      const required = schema.required?.includes(name) === true;
      return [`f:${name}`, { schema: propertySchema(schema, name) ?? anything, value, named, required }] as const;
    }),
  );
}

/** Whether the items of a list are told apart; a list of which nothing is said is atomic. */
export function hasElements(schema: Schema): boolean {
  const type = schema["x-kubernetes-list-type"];
  return type === "map" || type === "set";
}

/** The path element of an item: `k:{"containerPort":80,"protocol":"TCP"}`, or its place when its keys are missing. */
export function elementKey(schema: Schema, item: unknown, index: number): string {
  if (schema["x-kubernetes-list-type"] === "set") return `v:${canonicalJson(item)}`;
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  const key = isFields(item) ? listMapKey(itemSchema(schema), keys, item) : {};
  return Object.keys(key).length === 0 ? `i:${index}` : `k:${canonicalJson(key)}`;
}
