// OpenAPI v3: an index of documents, and a document for each version of a group, as `kubectl explain` and dry runs want.

import type { ResourceDefinition } from "#lab/apiserver/registry.ts";
import { commonSchemas, kindSchemas } from "./kinds.ts";
import { resourcePaths } from "./paths.ts";
import { SchemaCollection } from "./schemas.ts";

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
  for (const [name, schema] of commonSchemas()) collection.add(name, schema);
  for (const [name, schema] of served.flatMap((one) => kindSchemas(one, version))) collection.add(name, schema);
  return {
    openapi: "3.0.0",
    info: { title: "Kubernetes", version: "unversioned" },
    paths: Object.fromEntries(served.flatMap((definition) => resourcePaths(definition, version))),
    components: { schemas: collection.schemas },
  };
}
