// Whether a schema is structural: every field has one type, so that values can be pruned and defaulted.

import type { Cause } from "#kube/kube-error.ts";
import {
  forbiddenField,
  formatValue,
  invalidValue,
  requiredValue,
  unsupportedValue,
} from "#lab/apiserver/schema/cause.ts";
import { equalJson, isFields } from "#lab/apiserver/schema/json.ts";
import { prune } from "#lab/apiserver/schema/prune.ts";
import { keepsUnknown, type Schema } from "#lab/apiserver/schema/schema.ts";
import { compiles, validateSchema } from "#lab/apiserver/schema/validate.ts";
import { ruleFault } from "./cel/rules.ts";

const types = ["array", "boolean", "integer", "number", "object", "string"];
const listTypes = ["atomic", "map", "set"];

/** What JSON Schema has and Kubernetes does not take (apiextensions.k8s.io/v1 JSONSchemaProps). */
const neverAllowed = ["$ref", "additionalItems", "definitions", "dependencies", "id", "patternProperties"] as const;
/** What would give a value a shape from within a condition. */
const notInJunctors = ["additionalProperties", "default", "description", "nullable", "type"] as const;

type Place = { readonly path: string; readonly kind: "root" | "field" | "items" | "value" };

/** All that keeps a schema from being structural, at paths below `path`. */
export function structuralFaults(schema: Schema, path: string): readonly Cause[] {
  const causes: Cause[] = [];
  checkNode(schema, { path, kind: "root" }, causes);
  return causes;
}

function checkNode(schema: Schema, place: Place, causes: Cause[]): void {
  const { path } = place;
  checkType(schema, place, causes);
  checkForbidden(schema, path, causes);
  checkFields(schema, path, causes);
  checkLists(schema, path, causes);
  checkPattern(schema, path, causes);
  checkDefault(schema, path, causes);
  checkRules(schema, path, causes);
  for (const [name, parts] of junctorsOf(schema)) {
    for (const [index, part] of parts.entries()) {
      const at = name === "not" ? `${path}.not` : `${path}.${name}[${index}]`;
      checkJunctor(part, schema, at, schema["x-kubernetes-int-or-string"] === true, causes);
    }
  }
}

const places = {
  root: "must not be empty at the root",
  field: "must not be empty for specified object fields",
  items: "must not be empty for specified array items",
  value: "must not be empty for specified object fields",
} as const;

function checkType(schema: Schema, { path, kind }: Place, causes: Cause[]): void {
  const { type } = schema;
  if (schema["x-kubernetes-int-or-string"] === true) {
    if (type !== undefined)
      causes.push(invalidValue(`${path}.type`, type, "must be empty if x-kubernetes-int-or-string is true"));
    return;
  }
  if (type === undefined) {
    if (!keepsUnknown(schema) || kind === "root") causes.push(requiredValue(`${path}.type`, places[kind]));
    return;
  }
  if (!types.includes(type)) causes.push(unsupportedValue(`${path}.type`, type, types));
  else if (kind === "root" && type !== "object")
    causes.push(invalidValue(`${path}.type`, type, "must be object at the root"));
  if (keepsUnknown(schema) && type !== "object") {
    causes.push(invalidValue(`${path}.type`, type, "must be object if x-kubernetes-preserve-unknown-fields is true"));
  }
  if (schema["x-kubernetes-embedded-resource"] === true) {
    if (type !== "object") {
      causes.push(invalidValue(`${path}.type`, type, "must be object if x-kubernetes-embedded-resource is true"));
    }
    if (schema.properties === undefined && !keepsUnknown(schema)) {
      causes.push(
        requiredValue(
          `${path}.properties`,
          "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields",
        ),
      );
    }
  }
}

function checkForbidden(schema: Schema, path: string, causes: Cause[]): void {
  for (const name of neverAllowed) {
    if (Object.hasOwn(schema, name)) causes.push(forbiddenField(`${path}.${name}`, `${name} is not supported`));
  }
  if (schema.uniqueItems === true) {
    const detail = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
    causes.push(forbiddenField(`${path}.uniqueItems`, detail));
  }
}

function checkFields(schema: Schema, path: string, causes: Cause[]): void {
  const { properties = {}, additionalProperties } = schema;
  for (const [name, property] of Object.entries(properties)) {
    checkNode(property, { path: `${path}.properties[${name}]`, kind: "field" }, causes);
  }
  if (additionalProperties === undefined) return;
  const at = `${path}.additionalProperties`;
  if (schema.properties !== undefined)
    causes.push(forbiddenField(at, "additionalProperties and properties are mutual exclusive"));
  if (additionalProperties === false) causes.push(forbiddenField(at, "additionalProperties cannot be set to false"));
  if (isFields(additionalProperties)) checkNode(additionalProperties, { path: at, kind: "value" }, causes);
}

function checkLists(schema: Schema, path: string, causes: Cause[]): void {
  const { type, items } = schema;
  const listType = schema["x-kubernetes-list-type"];
  const keys = schema["x-kubernetes-list-map-keys"];
  if (type === "array" && items === undefined) causes.push(requiredValue(`${path}.items`, "must be specified"));
  if (items !== undefined) {
    if (Array.isArray(items))
      causes.push(forbiddenField(`${path}.items`, "items must be a schema object and not an array"));
    else checkNode(items, { path: `${path}.items`, kind: "items" }, causes);
  }
  const at = `${path}.x-kubernetes-list-type`;
  if (listType === undefined) {
    if (keys !== undefined) causes.push(requiredValue(at, "must be map if x-kubernetes-list-map-keys is non-empty"));
    return;
  }
  if (!listTypes.includes(listType)) causes.push(unsupportedValue(at, listType, listTypes));
  if (type !== "array")
    causes.push(invalidValue(`${path}.type`, type ?? "", "must be array if x-kubernetes-list-type is specified"));
  const keysAt = `${path}.x-kubernetes-list-map-keys`;
  if (listType !== "map") {
    if (keys !== undefined)
      causes.push(invalidValue(at, listType, "must be map if x-kubernetes-list-map-keys is non-empty"));
    return;
  }
  if (keys === undefined || keys.length === 0) {
    causes.push(requiredValue(keysAt, "must not be empty if x-kubernetes-list-type is map"));
  }
  if (items?.type !== "object") {
    causes.push(
      invalidValue(
        `${path}.items.type`,
        items?.type ?? "",
        "must be object if parent array's x-kubernetes-list-type is map",
      ),
    );
  }
  for (const [index, key] of (keys ?? []).entries()) {
    const property = items?.properties?.[key];
    if (property === undefined) {
      causes.push(invalidValue(`${keysAt}[${index}]`, key, "entries must all be names of item properties"));
    } else if (property.default === undefined && items?.required?.includes(key) !== true) {
      const detail = `this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property`;
      causes.push(requiredValue(`${path}.items.properties[${key}].default`, detail));
    }
  }
}

function checkPattern({ pattern }: Schema, path: string, causes: Cause[]): void {
  if (pattern === undefined || compiles(pattern)) return;
  causes.push(invalidValue(`${path}.pattern`, pattern, "must be a valid regular expression"));
}

/** A default must fit the schema that it is of, and nothing of it may be pruned. */
function checkDefault(schema: Schema, path: string, causes: Cause[]): void {
  if (schema.default === undefined) return;
  const at = `${path}.default`;
  if (!equalJson(prune(schema, schema.default), schema.default)) {
    causes.push(invalidValue(at, schema.default, "must not have unknown fields"));
  }
  for (const { message, field } of validateSchema(schema, schema.default)) {
    causes.push(invalidValue(at, schema.default, field === "" ? message : `${field}: ${message}`));
  }
}

function checkRules(schema: Schema, path: string, causes: Cause[]): void {
  for (const [index, rule] of (schema["x-kubernetes-validations"] ?? []).entries()) {
    const fault = ruleFault(rule);
    if (fault !== undefined)
      causes.push(invalidValue(`${path}.x-kubernetes-validations[${index}].rule`, rule.rule, fault));
  }
}

function junctorsOf({ allOf, anyOf, oneOf, not }: Schema): readonly (readonly [string, readonly Schema[]])[] {
  const lists = Object.entries({ allOf, anyOf, oneOf }).flatMap(([name, parts]) =>
    parts === undefined ? [] : [[name, parts] as const],
  );
  return not === undefined ? lists : [...lists, ["not", [not]] as const];
}

/** Below allOf, anyOf, oneOf and not, values are restricted but never shaped: what they speak of is specified outside. */
function checkJunctor(part: Schema, outside: Schema | undefined, path: string, typed: boolean, causes: Cause[]): void {
  for (const name of notInJunctors) {
    // anyOf: [{type: integer}, {type: string}] is how int-or-string is written.
    if (part[name] === undefined || (name === "type" && typed)) continue;
    causes.push(forbiddenField(`${path}.${name}`, "must be empty to be structural"));
  }
  for (const [name, property] of Object.entries(part.properties ?? {})) {
    const specified = outside?.properties?.[name];
    const at = `${path}.properties[${name}]`;
    if (specified === undefined && (outside === undefined || !isFields(outside.additionalProperties))) {
      causes.push(requiredValue(outsidePath(at), `because it is defined in ${at}`));
    }
    checkJunctor(property, specified, at, specified?.["x-kubernetes-int-or-string"] === true, causes);
  }
  if (part.items !== undefined) {
    if (outside?.items === undefined)
      causes.push(requiredValue(outsidePath(`${path}.items`), `because it is defined in ${path}.items`));
    checkJunctor(part.items, outside?.items, `${path}.items`, false, causes);
  }
  for (const [name, parts] of junctorsOf(part)) {
    for (const [index, inner] of parts.entries()) {
      checkJunctor(inner, outside, name === "not" ? `${path}.not` : `${path}.${name}[${index}]`, typed, causes);
    }
  }
}

/** The same place without the conditions on the way. */
function outsidePath(path: string): string {
  return path.replace(/\.(allOf|anyOf|oneOf)\[\d+\]|\.not(?=\.|$)/g, "");
}

/** The metadata of the whole object is fixed: only its names may be restricted. */
export function metadataFaults(root: Schema, path: string): readonly Cause[] {
  const metadata = root.properties?.["metadata"];
  const allowed = ["generateName", "name"];
  const others = Object.keys(metadata?.properties ?? {}).filter((name) => !allowed.includes(name));
  return others.map((name) =>
    forbiddenField(
      `${path}.properties[metadata].properties[${name}]`,
      `must not specify anything other than name and generateName, but metadata is implicitly specified: ${formatValue(name)}`,
    ),
  );
}
