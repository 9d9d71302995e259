// OpenAPI v2 in protobuf, as kubectl before 1.27 wants it to explain, to check manifests, and to see that dry runs work.
// Field numbers: openapiv2/OpenAPIv2.proto of gnostic, package openapi.v2.

import { type Written, writeMessage } from "#lab/apiserver/protobuf/write.ts";
import type { ResourceDefinition } from "#lab/apiserver/registry.ts";
import { definition, readDescriptions } from "#lab/apiserver/schema/definitions.ts";
import { isFields } from "#lab/apiserver/schema/json.ts";
import type { Schema } from "#lab/apiserver/schema/schema.ts";
import { commonSchemas, kindSchemas } from "./kinds.ts";
import { resourcePaths } from "./paths.ts";

/** With dots, where the request has an "@": kubectl 1.20 cannot read the other. */
export const openApiV2ContentType = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

type Message = readonly (readonly [number: number, value: Written | undefined])[];

/** The document of everything that is served. */
export function openApiV2Document(definitions: readonly ResourceDefinition[]): Uint8Array {
  const served = definitions.flatMap((resource) =>
    resource.versions.filter((version) => version.served).map(({ name }) => ({ resource, version: name })),
  );
  const kinds = served.flatMap(({ resource, version }) => kindSchemas(resource, version));
  const descriptions = readDescriptions();
  const schemas = withReferences([...commonSchemas(), ...kinds]).map(
    ([name, schema]) => [1, named(name, schemaMessage(schema, descriptions[name]))] as const,
  );
  const paths = served.flatMap(({ resource, version }) => resourcePaths(resource, version));
  return writeMessage([
    [1, "2.0"],
    [
      2,
      writeMessage([
        [1, "Kubernetes"],
        [2, "unversioned"],
      ]),
    ],
    [8, writeMessage(paths.map(([path, item]) => [2, named(path, pathItem(item))] as const))],
    [9, writeMessage(schemas)],
  ]);
}

/** NamedSchema, NamedPathItem, NamedAny … */
function named(name: string, value: Uint8Array): Uint8Array {
  return writeMessage([
    [1, name],
    [2, value],
  ]);
}

/** All schemas with those that they refer to, each once. */
function withReferences(roots: readonly (readonly [string, Schema])[]): readonly (readonly [string, Schema])[] {
  const found = new Map(roots);
  const add = (schema: Schema): void => {
    const { $ref, properties = {}, items, additionalProperties } = schema;
    if ($ref !== undefined && !found.has($ref)) {
      const target = definition($ref);
      found.set($ref, target);
      add(target);
    }
    for (const property of Object.values(properties)) add(property);
    if (items !== undefined) add(items);
    if (isFields(additionalProperties)) add(additionalProperties);
  };
  for (const [, schema] of roots) add(schema);
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1));
}

function schemaMessage(schema: Schema, texts: Readonly<Record<string, string>> = {}, text = texts[""]): Uint8Array {
  const { $ref, format, type, properties, items, additionalProperties, required = [], description = text } = schema;
  // What may be a number or text is text in v2: kubectl lets numbers pass for text.
  const typeName = schema["x-kubernetes-int-or-string"] === true ? "string" : type;
  const fields: Message = [
    [1, $ref === undefined ? undefined : `#/definitions/${$ref}`],
    [2, format],
    [4, description],
    ...required.map((name) => [19, name] as const),
    [21, additionalMessage(additionalProperties)],
    [22, typeName === undefined ? undefined : writeMessage([[1, typeName]])],
    [23, items === undefined ? undefined : writeMessage([[1, schemaMessage(items)]])],
    [25, properties === undefined || keepsAnything(schema) ? undefined : propertiesMessage(properties, texts)],
    ...extensions(schema, 31),
  ];
  return writeMessage(fields);
}

/** Of a type that takes fields it does not name, v2 must name none: kubectl would refuse the others. */
function keepsAnything(schema: Schema): boolean {
  return schema["x-kubernetes-preserve-unknown-fields"] === true;
}

function propertiesMessage(
  properties: Readonly<Record<string, Schema>>,
  texts: Readonly<Record<string, string>>,
): Uint8Array {
  return writeMessage(
    Object.entries(properties).map(
      ([name, property]) => [1, named(name, schemaMessage(property, {}, texts[name]))] as const,
    ),
  );
}

function additionalMessage(additional: Schema["additionalProperties"]): Uint8Array | undefined {
  if (additional === undefined) return undefined;
  return writeMessage([typeof additional === "boolean" ? [2, additional] : [1, schemaMessage(additional)]]);
}

const published = ["x-kubernetes-group-version-kind", "x-kubernetes-patch-merge-key", "x-kubernetes-patch-strategy"];

/** Vendor extensions: their values are YAML, so JSON will do. */
function extensions(owner: object, number: number): Message {
  return Object.entries(owner)
    .filter(([name]) => published.includes(name))
    .map(([name, value]) => [number, named(name, writeMessage([[2, JSON.stringify(value)]]))] as const);
}

const methods: Readonly<Record<string, number>> = { get: 2, put: 3, post: 4, delete: 5, patch: 8 };

function pathItem(item: object): Uint8Array {
  return writeMessage(
    Object.entries(item).flatMap(([method, operation]: readonly [string, unknown]) => {
      const number = methods[method];
      return number === undefined || !isFields(operation) ? [] : [[number, operationMessage(operation)] as const];
    }),
  );
}

/** Parameters in the query, and the kind: that is what clients look for. */
function operationMessage(operation: object): Uint8Array {
  const parameters: unknown = "parameters" in operation ? operation.parameters : [];
  const queries = (Array.isArray(parameters) ? parameters : []).filter(isFields).map((parameter) => {
    const query = writeMessage([
      [2, "query"],
      [4, String(parameter["name"])],
      [6, "string"],
    ]);
    // ParametersItem.parameter, Parameter.non_body_parameter, NonBodyParameter.query_parameter_sub_schema.
    return [8, writeMessage([[1, writeMessage([[2, writeMessage([[3, query]])]])]])] as const;
  });
  return writeMessage([...queries, ...extensions(operation, 13)]);
}
