// The schemas that the kinds of a resource have in OpenAPI documents, by their names there.

import type { ResourceDefinition } from "#lab/apiserver/registry.ts";
import { definition, definitionName } from "#lab/apiserver/schema/definitions.ts";
import type { GroupVersionKind, Schema } from "#lab/apiserver/schema/schema.ts";

/** The name of a kind's schema: the published one, or for others the group's domain turned round. */
export function schemaName(group: string, version: string, kind: string): string {
  return definitionName(group, version, kind) ?? [...group.split(".").reverse(), version, kind].join(".");
}

/** What every document has: options of a deletion, and the answer when something fails. */
export function commonSchemas(): readonly (readonly [string, Schema])[] {
  const names = ["DeleteOptions", "Status"].map((kind) => `io.k8s.apimachinery.pkg.apis.meta.v1.${kind}`);
  return names.map((name) => [name, definition(name)] as const);
}

/** Schemas of a resource's kind in one version, of its list, and of its subresources as far as they are published. */
export function kindSchemas(resource: ResourceDefinition, version: string): readonly (readonly [string, Schema])[] {
  const { group, kind, listKind, subresources, verbs } = resource;
  const schema = resource.versions.find(({ name }) => name === version)?.schema() ?? { type: "object" };
  const name = schemaName(group, version, kind);
  const published = subresources.flatMap(
    (sub) => definitionName(sub.group ?? group, sub.version ?? version, sub.kind) ?? [],
  );
  const list: GroupVersionKind = { group, version, kind: listKind };
  return [
    ...published.map((sub) => [sub, definition(sub)] as const),
    [name, { ...schema, "x-kubernetes-group-version-kind": [{ group, version, kind }] }] as const,
    ...(verbs.includes("list") ? [[schemaName(group, version, listKind), listSchema(name, list)] as const] : []),
  ];
}

function listSchema(item: string, gvk: GroupVersionKind): Schema {
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
