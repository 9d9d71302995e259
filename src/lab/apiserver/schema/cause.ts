// What can be wrong with a field, in the words of Kubernetes (apimachinery's field errors).

import type { Cause } from "#kube/kube-error.ts";

export function requiredValue(field: string, detail = ""): Cause {
  return { reason: "FieldValueRequired", message: withDetail("Required value", detail), field };
}

export function invalidValue(field: string, value: unknown, detail: string): Cause {
  return { reason: "FieldValueInvalid", message: withDetail(`Invalid value: ${formatValue(value)}`, detail), field };
}

/** The value has another type than the schema's. */
export function wrongType(field: string, value: unknown, type: string): Cause {
  const detail = `${inBody(field)} must be of type ${type}: ${JSON.stringify(typeName(value))}`;
  return { ...invalidValue(field, typeName(value), detail), reason: "FieldValueTypeInvalid" };
}

export function unsupportedValue(field: string, value: unknown, supported: readonly unknown[]): Cause {
  const values = supported.map(formatValue).join(", ");
  const message = withDetail(`Unsupported value: ${formatValue(value)}`, `supported values: ${values}`);
  return { reason: "FieldValueNotSupported", message, field };
}

export function duplicateValue(field: string, value: unknown): Cause {
  return { reason: "FieldValueDuplicate", message: `Duplicate value: ${formatValue(value)}`, field };
}

export function tooLong(field: string, limit: number): Cause {
  return { reason: "FieldValueTooLong", message: `Too long: may not be more than ${limit} bytes`, field };
}

export function tooMany(field: string, count: number, limit: number): Cause {
  return { reason: "FieldValueTooMany", message: `Too many: ${count}: must have at most ${limit} items`, field };
}

/** Something may not be said of the field at all. */
export function forbiddenField(field: string, detail: string): Cause {
  return { reason: "FieldValueForbidden", message: withDetail("Forbidden", detail), field };
}

/** How messages about schemas name a field: the object itself has no name. */
export function inBody(field: string): string {
  return field === "" ? "<root> in body" : `${field} in body`;
}

/** `integer` for a whole number: the JSON types as OpenAPI names them. */
export function typeName(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value === "number" && Number.isInteger(value) ? "integer" : typeof value;
}

export function formatValue(value: unknown): string {
  return JSON.stringify(value) ?? "null";
}

function withDetail(text: string, detail: string): string {
  return detail === "" ? text : `${text}: ${detail}`;
}
