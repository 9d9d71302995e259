// The shape of objects: OpenAPI v3 as Kubernetes writes it, for built-in kinds and for those of CRDs alike.

import { definition } from "./definitions.ts";
import { fieldOf } from "./json.ts";

export type SchemaType = "object" | "array" | "string" | "integer" | "number" | "boolean";

export type ListType = "atomic" | "set" | "map";

/** A node of a schema. Built-in kinds refer to each other by name, `io.k8s.api.core.v1.PodSpec`; resolve() looks it up. */
export type Schema = {
  readonly $ref?: string;
  readonly type?: SchemaType;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly required?: readonly string[];
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  /** `int32`, `int64`, `double`, `byte` (base64), `date-time`, `quantity`, `int-or-string`. */
  readonly format?: string;
  readonly nullable?: boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: boolean;
  readonly exclusiveMaximum?: boolean;
  readonly multipleOf?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly not?: Schema;
  readonly "x-kubernetes-int-or-string"?: boolean;
  readonly "x-kubernetes-embedded-resource"?: boolean;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
  readonly "x-kubernetes-list-type"?: ListType;
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-map-type"?: "granular" | "atomic";
  readonly "x-kubernetes-patch-merge-key"?: string;
  /** `merge`, `replace`, `retainKeys`, or `merge,retainKeys`. */
  readonly "x-kubernetes-patch-strategy"?: string;
  readonly "x-kubernetes-validations"?: readonly ValidationRule[];
  readonly "x-kubernetes-group-version-kind"?: readonly GroupVersionKind[];
};

/** A rule in CEL (x-kubernetes-validations). */
export type ValidationRule = {
  readonly rule: string;
  readonly message?: string;
  readonly messageExpression?: string;
  readonly reason?: string;
  readonly fieldPath?: string;
  readonly optionalOldSelf?: boolean;
};

export type GroupVersionKind = { readonly group: string; readonly version: string; readonly kind: string };

/** Whatever comes: the schema of a field without one. */
export const anything: Schema = { "x-kubernetes-preserve-unknown-fields": true };

/**
 * The node itself, with a reference followed. What stands beside the reference (a patch strategy, a default) stays,
 * and wins.
 */
export function resolve(schema: Schema): Schema {
  if (schema.$ref === undefined) return schema;
  const known = resolved.get(schema);
  if (known !== undefined) return known;
  const { $ref, ...beside } = schema;
  const target = Object.keys(beside).length === 0 ? definition($ref) : { ...definition($ref), ...beside };
  resolved.set(schema, target);
  return target;
}

/** What references lead to: a write of an object follows dozens. */
const resolved = new WeakMap<Schema, Schema>();

/** The schema of a field of an object, undefined when it has no such field. */
export function propertySchema(schema: Schema, name: string): Schema | undefined {
  const own = schema.properties === undefined ? undefined : (fieldOf(schema.properties, name) as Schema | undefined);
  if (own !== undefined) return resolve(own);
  const { additionalProperties } = schema;
  if (additionalProperties === true) return anything;
  return additionalProperties === undefined || additionalProperties === false
    ? undefined
    : resolve(additionalProperties);
}

/** The schema of a list's items. */
export function itemSchema({ items }: Schema): Schema {
  return items === undefined ? anything : resolve(items);
}

/** Whether fields that the schema does not name stay in the object. */
export function keepsUnknown(schema: Schema): boolean {
  return schema["x-kubernetes-preserve-unknown-fields"] === true;
}
