// Generates the schemas of Kubernetes' built-in types into dist/kube/, from the published TypeScript types and from facts.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { type FieldTable, fieldTable } from "#lab/apiserver/protobuf/field-table.ts";
import type { Schema } from "#lab/apiserver/schema/schema.ts";
import { type Declaration, type Field, type Module, parseDeclarations } from "./kube-schema/declarations.ts";
import { defaultsOfTypes } from "./kube-schema/defaults.ts";
import {
  atomicTypes,
  type FieldFacts,
  factsOfTypes,
  newerFields,
  newerTypes,
  schemaExtensions,
} from "./kube-schema/facts.ts";

const project = new URL("../", import.meta.url).pathname;
const types = `${project}node_modules/kubernetes-types/`;

/** Modules of the package, with the prefix of their types' names in OpenAPI. */
const modules: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    [
      ...["apps", "authentication", "authorization", "autoscaling", "batch", "coordination", "core", "discovery"],
      ...["events", "networking", "policy", "rbac", "scheduling", "storage"],
    ].map((group) => [`${group}/v1`, `io.k8s.api.${group}.v1`]),
  ),
  "apiextensions/v1": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
  "api/resource": "io.k8s.apimachinery.pkg.api.resource",
  "meta/v1": "io.k8s.apimachinery.pkg.apis.meta.v1",
  runtime: "io.k8s.apimachinery.pkg.runtime",
};

/** Types whose JSON is not what their declaration says. */
const special: Readonly<Record<string, Schema>> = {
  "io.k8s.apimachinery.pkg.api.resource.Quantity": { format: "quantity", "x-kubernetes-int-or-string": true },
  "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": { type: "object", "x-kubernetes-preserve-unknown-fields": true },
  "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": { type: "string", format: "date-time" },
  "io.k8s.apimachinery.pkg.apis.meta.v1.Time": { type: "string", format: "date-time" },
  "io.k8s.apimachinery.pkg.runtime.RawExtension": { type: "object", "x-kubernetes-preserve-unknown-fields": true },
  [`${modules["apiextensions/v1"]}.JSON`]: { "x-kubernetes-preserve-unknown-fields": true },
};

const formats = formatsOf(fieldTable());
const definitions: Record<string, Schema> = { ...newerTypes };
const descriptions: Record<string, Record<string, string>> = {};

for (const [path, prefix] of Object.entries(modules)) {
  const module = parseDeclarations(readFileSync(`${types}${path}.d.ts`, "utf8"));
  for (const declaration of module.declarations) define(path, prefix, module, declaration);
}
for (const name of [...Object.keys(factsOfTypes), ...atomicTypes, ...formats.keys()]) {
  if (definitions[name] === undefined) throw new Error(`Facts are stated of ${name}, which is not a published type`);
}
mkdirSync(`${project}dist/kube`, { recursive: true });
writeFileSync(`${project}dist/kube/definitions.openapi`, JSON.stringify(definitions));
writeFileSync(`${project}dist/kube/descriptions.openapi`, JSON.stringify(descriptions));

function define(path: string, prefix: string, module: Module, declaration: Declaration): void {
  const name = `${prefix}.${declaration.name}`;
  const texts = declaration.fields.map((field) => [field.name, field.text] as const);
  descriptions[name] = Object.fromEntries([["", declaration.text], ...texts].filter(([, text]) => text !== ""));
  definitions[name] = special[name] ?? shapeOf(path, name, module, declaration);
}

function shapeOf(path: string, name: string, module: Module, declaration: Declaration): Schema {
  if (declaration.alias !== undefined) return unionSchema(declaration.alias);
  const facts = factsOfTypes[name] ?? {};
  const defaults = defaultsOfTypes[name] ?? {};
  const unknownField = Object.keys({ ...facts, ...defaults }).find(
    (field) => !declaration.fields.some((other) => other.name === field),
  );
  if (unknownField !== undefined)
    throw new Error(`Facts are stated of ${name}.${unknownField}, which is not published`);
  const properties = declaration.fields.map((field) => {
    const format = formats.get(name)?.get(field.name);
    const value = defaults[field.name];
    const schema = { ...typeSchema(path, module, field.type, format), ...factSchema(facts[field.name]) };
    return [field.name, value === undefined ? schema : { ...schema, default: value }] as const;
  });
  const extensions = declaration.name === "JSONSchemaProps" ? schemaExtensions : {};
  const required = declaration.fields.filter(({ optional }) => !optional).map((field) => field.name);
  return {
    type: "object",
    properties: { ...Object.fromEntries(properties), ...extensions, ...newerFields[name] },
    ...(required.length === 0 ? {} : { required }),
    ...(atomicTypes.includes(name) ? { "x-kubernetes-map-type": "atomic" } : {}),
    ...kindOf(declaration.fields),
  };
}

/** The group, version and kind that the fields `apiVersion` and `kind` can only have. */
function kindOf(fields: readonly Field[]): Schema {
  const literal = (name: string) => /^"(.+)"$/.exec(fields.find((field) => field.name === name)?.type ?? "")?.[1];
  const apiVersion = literal("apiVersion");
  const kind = literal("kind");
  if (apiVersion === undefined || kind === undefined) return {};
  const [version = "", group = ""] = apiVersion.split("/").reverse();
  return { "x-kubernetes-group-version-kind": [{ group, version, kind }] };
}

function typeSchema(path: string, module: Module, type: string, format: string | undefined): Schema {
  const [, item] = /^Array<(.+)>$/.exec(type) ?? [];
  if (item !== undefined) {
    return { type: "array", items: typeSchema(path, module, item, format), "x-kubernetes-list-type": "atomic" };
  }
  const [, value] = /^\{ \[name: string\]: (.+); \}$/.exec(type) ?? [];
  if (value !== undefined) return { type: "object", additionalProperties: typeSchema(path, module, value, format) };
  switch (type) {
    case "string":
      return format === "bytes" ? { type: "string", format: "byte" } : { type: "string" };
    case "number":
      return format === undefined ? { type: "number", format: "double" } : { type: "integer", format };
    case "boolean":
      return { type: "boolean" };
    case "number | string":
      return { format: "int-or-string", "x-kubernetes-int-or-string": true };
  }
  if (/^"[^"]+"$/.test(type)) return { type: "string" };
  const from = module.imports.get(type);
  const target = from === undefined ? path : new URL(from, `file:///${path}`).pathname.slice(1);
  if (!/^\w+$/.test(type) || modules[target] === undefined) throw new Error(`Cannot read the type ${type} of ${path}`);
  return { $ref: `${modules[target]}.${type}` };
}

/** A schema that is an object or something simpler: nothing is known of it but that. */
function unionSchema(alias: string): Schema {
  return alias === "string" ? { type: "string" } : { "x-kubernetes-preserve-unknown-fields": true };
}

function factSchema(facts: FieldFacts = {}): Schema {
  const { mergeKey, list } = facts;
  const keys = facts.keys ?? (mergeKey === undefined ? undefined : [mergeKey]);
  const strategy = facts.strategy ?? (mergeKey === undefined ? undefined : "merge");
  return {
    ...(list === undefined ? {} : { "x-kubernetes-list-type": list }),
    ...(keys === undefined || list !== undefined
      ? {}
      : { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys }),
    ...(mergeKey === undefined ? {} : { "x-kubernetes-patch-merge-key": mergeKey }),
    ...(strategy === undefined ? {} : { "x-kubernetes-patch-strategy": strategy }),
    ...(facts.atomic === undefined ? {} : { "x-kubernetes-map-type": "atomic" }),
    ...(facts.granular === undefined ? {} : { "x-kubernetes-map-type": "granular" }),
    ...(facts.default === undefined ? {} : { default: facts.default }),
    ...(facts.enum === undefined ? {} : { enum: facts.enum }),
  };
}

/** What the table of protobuf fields says of numbers and bytes, for the types that are published. */
function formatsOf(table: FieldTable): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const inlined = [...table.values()].flatMap((fields) => [...fields.values()]);
  const parts = new Set(inlined.flatMap((field) => ("inline" in field ? [field.inline] : [])));
  const types = [...table].map(([type, fields]) => {
    const marked = [...fields.values()].flatMap((field) =>
      "inline" in field || field.format === undefined ? [] : [[field.name, field.format] as const],
    );
    return [type, new Map(marked)] as const;
  });
  // A type whose fields stand beside those of others is published as a part of those, if at all.
  return new Map(types.filter(([type, fields]) => !parts.has(type) || fields.size > 0));
}
