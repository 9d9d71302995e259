// Rules that a CRD states in CEL (x-kubernetes-validations): whether they can be read, and whether an object keeps them.

import type { Cause } from "#kube/kube-error.ts";
import { invalidValue, typeName } from "#lab/apiserver/schema/cause.ts";
import { canonicalJson, fieldOf, isFields } from "#lab/apiserver/schema/json.ts";
import { fieldPath, itemPath } from "#lab/apiserver/schema/path.ts";
import { itemSchema, propertySchema, resolve, type Schema, type ValidationRule } from "#lab/apiserver/schema/schema.ts";
import { listMapKey } from "#lab/apiserver/schema/validate.ts";
import { ruleEnvironment } from "./environment.ts";
import { celValue } from "./value.ts";

type Program = (variables: { readonly self: unknown; readonly oldSelf: unknown }) => unknown;

let made: ReturnType<typeof ruleEnvironment> | undefined;

/** Made at the first rule: most labs have none. */
function environment(): ReturnType<typeof ruleEnvironment> {
  made ??= ruleEnvironment();
  return made;
}

const programs = new WeakMap<ValidationRule, Map<string, Program>>();

/** What keeps a rule from being used; undefined when nothing does. */
export function ruleFault({ rule, messageExpression }: ValidationRule): string | undefined {
  if (rule.trim() === "") return "rule is not specified";
  const kinds = [
    [rule, "bool", "rule"],
    ...(messageExpression === undefined ? [] : [[messageExpression, "string", "messageExpression"] as const]),
  ] as const;
  for (const [text, wanted, what] of kinds) {
    const { valid, type, error } = environment().check(text);
    if (!valid) return `${what} compilation failed: ${firstLine(error)}`;
    if (type !== wanted && type !== "dyn") return `${what} must give a ${wanted}, and gives a ${type}`;
  }
  return undefined;
}

/**
 * What a value breaks of the rules in its schema. `old` is the value before an update: rules that speak of `oldSelf`
 * are looked at only where there is one.
 */
export function ruleFaults(schema: Schema, value: unknown, old: unknown): readonly Cause[] {
  const causes: Cause[] = [];
  walk(resolve(schema), value, old, "", causes);
  return causes;
}

function walk(schema: Schema, value: unknown, old: unknown, path: string, causes: Cause[]): void {
  if (value === undefined || value === null) return;
  for (const rule of schema["x-kubernetes-validations"] ?? []) {
    const cause = breaks(rule, schema, value, old, path);
    if (cause !== undefined) causes.push(cause);
  }
  if (Array.isArray(value)) {
    const items = itemSchema(schema);
    const before = oldItems(schema, items, old);
    for (const [index, item] of value.entries()) walk(items, item, before(item), itemPath(path, index), causes);
  } else if (isFields(value)) {
    for (const [name, field] of Object.entries(value)) {
      const property = propertySchema(schema, name);
      if (property !== undefined)
        walk(property, field, isFields(old) ? fieldOf(old, name) : undefined, fieldPath(path, name), causes);
    }
  }
}

/** Only items of a map list can be told to be the same as before. */
function oldItems(schema: Schema, items: Schema, old: unknown): (item: unknown) => unknown {
  if (schema["x-kubernetes-list-type"] !== "map" || !Array.isArray(old)) return () => undefined;
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  const keyOf = (item: unknown): string => canonicalJson(isFields(item) ? listMapKey(items, keys, item) : item);
  const byKey = new Map(old.map((item: unknown) => [keyOf(item), item] as const));
  return (item) => byKey.get(keyOf(item));
}

function breaks(rule: ValidationRule, schema: Schema, value: unknown, old: unknown, path: string): Cause | undefined {
  const isTransition = /\boldSelf\b/.test(rule.rule);
  if (isTransition && old === undefined && rule.optionalOldSelf !== true) return undefined;
  const variables = { self: celValue(schema, value), oldSelf: old === undefined ? null : celValue(schema, old) };
  const at = rule.fieldPath === undefined ? path : `${path}${rule.fieldPath}`;
  const fault = (message: string): Cause => ({
    ...invalidValue(at, typeName(value), message),
    ...(rule.reason === undefined ? {} : { reason: rule.reason }),
  });
  try {
    if (programOf(rule, rule.rule)(variables) === true) return undefined;
  } catch (error) {
    return fault(`rule evaluation error: ${firstLine(error)}`);
  }
  return fault(messageOf(rule, variables));
}

function messageOf(rule: ValidationRule, variables: Parameters<Program>[0]): string {
  const plain = rule.message ?? `failed rule: ${rule.rule}`;
  if (rule.messageExpression === undefined) return plain;
  try {
    const text = programOf(rule, rule.messageExpression)(variables);
    return typeof text === "string" && text.trim() !== "" ? text : plain;
  } catch {
    // A message that cannot be made must not hide what is wrong.
    return plain;
  }
}

function programOf(rule: ValidationRule, text: string): Program {
  const known = programs.get(rule) ?? new Map<string, Program>();
  programs.set(rule, known);
  const program = known.get(text) ?? environment().parse(text);
  known.set(text, program);
  return program;
}

/** The library draws the place of an error below its message. */
function firstLine(error: unknown): string {
  const [line = ""] = String(error instanceof Error ? error.message : error).split("\n");
  return line;
}
