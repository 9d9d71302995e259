// Checks values against a schema, with Kubernetes' words for what is wrong.

import type { Cause } from "#kube/kube-error.ts";
import {
  duplicateValue,
  inBody,
  invalidValue,
  requiredValue,
  tooLong,
  tooMany,
  typeName,
  unsupportedValue,
  wrongType,
} from "./cause.ts";
import { hasFormat } from "./format.ts";
import { canonicalJson, equalJson, type Fields, fieldOf, isFields } from "./json.ts";
import { fieldPath, itemPath } from "./path.ts";
import { itemSchema, propertySchema, resolve, type Schema } from "./schema.ts";

export type Validation = {
  /**
   * Fields at the top whose required parts may be missing. Published types call more of a status required than the
   * server insists on.
   */
  readonly lenient?: readonly string[];
};

/** All that is wrong with a value; nothing when it fits. Unknown fields are not looked at: see prune.ts. */
export function validateSchema(schema: Schema, value: unknown, { lenient = [] }: Validation = {}): readonly Cause[] {
  const causes: Cause[] = [];
  check(resolve(schema), value, "", causes);
  if (lenient.length === 0) return causes;
  return causes.filter(
    ({ reason, field }) =>
      reason !== "FieldValueRequired" || !lenient.some((name) => field === name || field.startsWith(`${name}.`)),
  );
}

function check(schema: Schema, value: unknown, path: string, causes: Cause[]): void {
  if (value === null && schema.nullable === true) return;
  const type = schema["x-kubernetes-int-or-string"] === true ? "integer,string" : schema.type;
  if (!hasType(schema, value)) {
    causes.push(wrongType(path, value, type ?? "object"));
    return;
  }
  if (schema.format !== undefined && !hasFormat(schema.format, value)) {
    const detail = `${inBody(path)} must be of type ${schema.format}: ${JSON.stringify(value)}`;
    causes.push(invalidValue(path, value, detail));
  }
  if (schema.enum !== undefined && !schema.enum.some((allowed) => equalJson(allowed, value))) {
    causes.push(unsupportedValue(path, value, schema.enum));
  }
  if (typeof value === "string") checkString(schema, value, path, causes);
  else if (typeof value === "number") checkNumber(schema, value, path, causes);
  else if (Array.isArray(value)) checkList(schema, value, path, causes);
  else if (isFields(value)) checkFields(schema, value, path, causes);
  checkCombinations(schema, value, path, causes);
}

function hasType(schema: Schema, value: unknown): boolean {
  const actual = typeName(value);
  if (schema["x-kubernetes-int-or-string"] === true) {
    return actual === "string" || actual === "integer" || (schema.format === "quantity" && actual === "number");
  }
  if (schema.type === undefined) return true;
  return schema.type === actual || (schema.type === "number" && actual === "integer");
}

function checkString(schema: Schema, value: string, path: string, causes: Cause[]): void {
  const { minLength, maxLength, pattern } = schema;
  // JSON Schema counts characters, not UTF-16 units.
  const length = minLength === undefined && maxLength === undefined ? 0 : [...value].length;
  if (maxLength !== undefined && length > maxLength) causes.push(tooLong(path, maxLength));
  if (minLength !== undefined && length < minLength) {
    causes.push(invalidValue(path, value, `${inBody(path)} should be at least ${minLength} chars long`));
  }
  if (pattern !== undefined && !matches(pattern, value)) {
    causes.push(invalidValue(path, value, `${inBody(path)} should match '${pattern}'`));
  }
}

/** Patterns are Go's (RE2); what both know means the same in both. One that JavaScript cannot read matches nothing. */
function matches(pattern: string, value: string): boolean {
  try {
    return new RegExp(pattern, "u").test(value);
  } catch {
    return compiles(pattern) && new RegExp(pattern).test(value);
  }
}

/** Whether a pattern is a regular expression without the strictness of unicode mode. */
export function compiles(pattern: string): boolean {
  try {
    new RegExp(pattern);
    return true;
  } catch {
    return false;
  }
}

function checkNumber(schema: Schema, value: number, path: string, causes: Cause[]): void {
  const { minimum, maximum, exclusiveMinimum = false, exclusiveMaximum = false, multipleOf } = schema;
  const fault = (rule: string): number => causes.push(invalidValue(path, value, `${inBody(path)} should be ${rule}`));
  if (minimum !== undefined && (exclusiveMinimum ? value <= minimum : value < minimum)) {
    fault(exclusiveMinimum ? `greater than ${minimum}` : `greater than or equal to ${minimum}`);
  }
  if (maximum !== undefined && (exclusiveMaximum ? value >= maximum : value > maximum)) {
    fault(exclusiveMaximum ? `less than ${maximum}` : `less than or equal to ${maximum}`);
  }
  if (multipleOf !== undefined && !isMultiple(value, multipleOf)) fault(`a multiple of ${multipleOf}`);
}

/** Divided, 0.3 is no multiple of 0.1: what is left over may be an error of rounding. */
function isMultiple(value: number, factor: number): boolean {
  const times = value / factor;
  return Math.abs(times - Math.round(times)) <= Number.EPSILON * Math.max(1, Math.abs(times));
}

function checkList(schema: Schema, list: readonly unknown[], path: string, causes: Cause[]): void {
  const { minItems, maxItems } = schema;
  if (maxItems !== undefined && list.length > maxItems) causes.push(tooMany(path, list.length, maxItems));
  if (minItems !== undefined && list.length < minItems) {
    causes.push(invalidValue(path, list.length, `${inBody(path)} should have at least ${minItems} items`));
  }
  const items = itemSchema(schema);
  for (const [index, item] of list.entries()) check(items, item, itemPath(path, index), causes);
  checkUnique(schema, items, list, path, causes);
}

/** "set" and "map" lists have no two equal items; only CRDs insist on it here, built-in kinds have rules of their own. */
function checkUnique(schema: Schema, items: Schema, list: readonly unknown[], path: string, causes: Cause[]): void {
  const type = schema["x-kubernetes-list-type"];
  if (schema["x-kubernetes-patch-strategy"] !== undefined) return;
  if (schema.uniqueItems !== true && type !== "set" && type !== "map") return;
  const keys = type === "map" ? (schema["x-kubernetes-list-map-keys"] ?? []) : undefined;
  const seen = new Set<string>();
  for (const [index, item] of list.entries()) {
    const key = keys === undefined || !isFields(item) ? item : listMapKey(items, keys, item);
    const text = canonicalJson(key);
    if (seen.has(text)) causes.push(duplicateValue(itemPath(path, index), key));
    seen.add(text);
  }
}

/** The fields of an item that tell it apart in its list; absent ones have their default. */
export function listMapKey(items: Schema, keys: readonly string[], item: Fields): Fields {
  return Object.fromEntries(
    keys.flatMap((key) => {
      const value = fieldOf(item, key) ?? propertySchema(items, key)?.default;
      return value === undefined ? [] : [[key, value] as const];
    }),
  );
}

function checkFields(schema: Schema, object: Fields, path: string, causes: Cause[]): void {
  const { minProperties, maxProperties, required = [] } = schema;
  const names = Object.keys(object);
  if (maxProperties !== undefined && names.length > maxProperties) {
    causes.push(tooMany(path, names.length, maxProperties));
  }
  if (minProperties !== undefined && names.length < minProperties) {
    causes.push(invalidValue(path, names.length, `${inBody(path)} should have at least ${minProperties} properties`));
  }
  for (const name of required) {
    if (fieldOf(object, name) === undefined) causes.push(requiredValue(fieldPath(path, name)));
  }
  if (schema["x-kubernetes-embedded-resource"] === true) {
    for (const name of ["apiVersion", "kind"]) {
      const value = fieldOf(object, name);
      if (value === undefined || value === "") causes.push(requiredValue(fieldPath(path, name), "must not be empty"));
    }
  }
  for (const name of names) {
    const property = propertySchema(schema, name);
    if (property !== undefined && object[name] !== undefined)
      check(property, object[name], fieldPath(path, name), causes);
  }
}

function checkCombinations(schema: Schema, value: unknown, path: string, causes: Cause[]): void {
  const fits = (part: Schema): boolean => {
    const found: Cause[] = [];
    check(resolve(part), value, path, found);
    return found.length === 0;
  };
  const fault = (rule: string): number => causes.push(invalidValue(path, value, `${inBody(path)} must ${rule}`));
  const { allOf, anyOf, oneOf, not } = schema;
  for (const part of allOf ?? []) check(resolve(part), value, path, causes);
  if (anyOf !== undefined && !anyOf.some(fits)) fault("validate at least one schema (anyOf)");
  if (oneOf !== undefined) {
    const count = oneOf.filter(fits).length;
    if (count === 0) fault("validate one and only one schema (oneOf). Found none valid");
    if (count > 1) fault(`validate one and only one schema (oneOf). Found ${count} valid alternatives`);
  }
  if (not !== undefined && fits(not)) fault("not validate the schema (not)");
}
