// Values of objects as CEL sees them: whole numbers are of another type than fractions, times are no text.

import { fieldOf, isFields } from "#lab/apiserver/schema/json.ts";
import { anything, itemSchema, propertySchema, type Schema } from "#lab/apiserver/schema/schema.ts";

/** A value by its schema. Fields that the schema does not name are not there ("Unknown fields" in CEL in Kubernetes). */
export function celValue(schema: Schema, value: unknown): unknown {
  if (typeof value === "number") return schema.type === "number" || !Number.isInteger(value) ? value : BigInt(value);
  if (typeof value === "string") return celText(schema.format, value);
  if (Array.isArray(value)) return value.map((item) => celValue(itemSchema(schema), item));
  if (!isFields(value)) return value;
  const { properties } = schema;
  if (properties === undefined) {
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [name, celValue(propertySchema(schema, name) ?? anything, item)]),
    );
  }
  return Object.fromEntries(
    Object.keys(properties).flatMap((name) => {
      const field = fieldOf(value, name);
      if (field === undefined) return [];
      return [[escapeName(name), celValue(propertySchema(schema, name) ?? anything, field)] as const];
    }),
  );
}

function celText(format: string | undefined, text: string): unknown {
  if (format === "date-time" || format === "date") return new Date(text);
  return format === "byte" ? Buffer.from(text, "base64") : text;
}

/** Words of CEL; a field of that name is reached with underscores around it. */
const words = [
  "true",
  "false",
  "null",
  "in",
  "as",
  "break",
  "const",
  "continue",
  "else",
  "for",
  "function",
  "if",
  "import",
];
const moreWords = ["let", "loop", "package", "namespace", "return"];

/** How a rule writes the name of a field: `foo-bar` is `foo__dash__bar`. */
export function escapeName(name: string): string {
  if ([...words, ...moreWords].includes(name)) return `__${name}__`;
  return name
    .replaceAll("__", "__underscores__")
    .replaceAll(".", "__dot__")
    .replaceAll("-", "__dash__")
    .replaceAll("/", "__slash__");
}
