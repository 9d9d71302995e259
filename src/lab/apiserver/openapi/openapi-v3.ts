// OpenAPI v3: an index of documents, and a document for each version of a group, as `kubectl explain` and dry runs want.

import type { ResourceDefinition } from "#lab/apiserver/registry.ts";
import { definitionName } from "#lab/apiserver/schema/definitions.ts";
import type { Schema } from "#lab/apiserver/schema/schema.ts";
import { resourcePaths } from "./paths.ts";
import { SchemaCollection, schemaName } from "./schemas.ts";

/** Answer to GET /openapi/v3. */
export function openApiV3Index(definitions: readonly ResourceDefinition[]): object {
  const paths = new Set(
    definitions.flatMap(({ group, versions }) =>
      versions
        .filter(({ served }) => served)
        .map(({ name }) => (group === "" ? `api/${name}` : `apis/${group}/${name}`)),
    ),
  );
  const entries = [...paths].sort().map((path) => [path, { serverRelativeURL: `/openapi/v3/${path}` }]);
  return { paths: Object.fromEntries(entries) };
}

/** Answer to GET /openapi/v3/apis/GROUP/VERSION; undefined when nothing of it is served. */
export function openApiV3Document(
  definitions: readonly ResourceDefinition[],
  group: string,
  version: string,
): object | undefined {
  const served = definitions.filter(
    (definition) => definition.group === group && definition.versions.some((one) => one.served && one.name === version),
  );
  if (served.length === 0) return undefined;
  const collection = new SchemaCollection();
  for (const name of ["DeleteOptions", "Status"])
    collection.addDefinition(`io.k8s.apimachinery.pkg.apis.meta.v1.${name}`);
  for (const definition of served) addKinds(collection, definition, version);
  return {
    openapi: "3.0.0",
    info: { title: "Kubernetes", version: "unversioned" },
    paths: Object.fromEntries(served.flatMap((definition) => resourcePaths(definition, version))),
    components: { schemas: collection.schemas },
  };
}

function addKinds(collection: SchemaCollection, definition: ResourceDefinition, version: string): void {
  const { group, kind, listKind, subresources, verbs } = definition;
  const schema = definition.versions.find(({ name }) => name === version)?.schema() ?? { type: "object" };
  const name = schemaName(group, version, kind);
  collection.add(name, { ...schema, "x-kubernetes-group-version-kind": [{ group, version, kind }] });
  if (verbs.includes("list")) {
    collection.add(schemaName(group, version, listKind), listSchema(name, { group, version, kind: listKind }));
  }
  for (const sub of subresources) {
    const published = definitionName(sub.group ?? group, sub.version ?? version, sub.kind);
    if (published !== undefined) collection.addDefinition(published);
  }
}

function listSchema(
  item: string,
  gvk: { readonly group: string; readonly version: string; readonly kind: string },
): Schema {
  return {
    type: "object",
    description: `${gvk.kind} is a list of objects.`,
    required: ["items"],
    properties: {
      apiVersion: { type: "string" },
      kind: { type: "string" },
      metadata: { $ref: "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta" },
      items: { type: "array", items: { $ref: item } },
    },
    "x-kubernetes-group-version-kind": [gvk],
  };
}
