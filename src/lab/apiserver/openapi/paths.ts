// The paths of a resource in an OpenAPI document, as far as clients look at them: kinds, and parameters that are supported.

import type { ResourceDefinition, Subresource, Verb } from "#lab/apiserver/registry.ts";
import { definitionName } from "#lab/apiserver/schema/definitions.ts";
import type { GroupVersionKind } from "#lab/apiserver/schema/schema.ts";
import { schemaName } from "./kinds.ts";

type Operation = { readonly method: string; readonly action: string; readonly verb: Verb };

const ofCollection: readonly Operation[] = [
  { method: "delete", action: "deletecollection", verb: "deletecollection" },
  { method: "get", action: "list", verb: "list" },
  { method: "post", action: "post", verb: "create" },
];

const ofItem: readonly Operation[] = [
  { method: "delete", action: "delete", verb: "delete" },
  { method: "get", action: "get", verb: "get" },
  { method: "patch", action: "patch", verb: "patch" },
  { method: "put", action: "put", verb: "update" },
];

const writing = ["delete", "deletecollection", "patch", "post", "put"];

/** Parameters in the query, as Kubernetes' reference describes them. */
const parameters = {
  dryRun: "When present, indicates that modifications should not be persisted. Valid values are: All",
  fieldManager: "A name associated with the actor or entity that is making these changes.",
  fieldValidation: "What to do with unknown or duplicate fields: Ignore, Warn or Strict.",
  force: "Force is going to take fields from other managers in an apply.",
  labelSelector: "A selector to restrict the list of returned objects by their labels.",
  fieldSelector: "A selector to restrict the list of returned objects by their fields.",
} as const;

function parametersOf(action: string): readonly object[] {
  const names: readonly (keyof typeof parameters)[] = [
    ...(writing.includes(action) ? (["dryRun"] as const) : []),
    ...(["patch", "post", "put"].includes(action) ? (["fieldManager", "fieldValidation"] as const) : []),
    ...(action === "patch" ? (["force"] as const) : []),
    ...(["list", "deletecollection"].includes(action) ? (["fieldSelector", "labelSelector"] as const) : []),
  ];
  return names.map((name) => ({
    name,
    in: "query",
    description: parameters[name],
    schema: { type: name === "force" ? "boolean" : "string", uniqueItems: true },
  }));
}

/** Paths of one version of a resource, with their operations. */
export function resourcePaths(definition: ResourceDefinition, version: string): readonly (readonly [string, object])[] {
  const { group, plural, namespaced, kind, verbs, subresources } = definition;
  const root = `${group === "" ? "/api" : `/apis/${group}`}/${version}`;
  const collection = `${root}${namespaced ? "/namespaces/{namespace}" : ""}/${plural}`;
  const gvk = { group, version, kind };
  return [
    [collection, operations(ofCollection, verbs, gvk, gvk, namespaced ? ["namespace"] : [])] as const,
    ...(namespaced ? [[`${root}/${plural}`, operations(ofCollection.slice(1, 2), verbs, gvk, gvk, [])] as const] : []),
    [`${collection}/{name}`, operations(ofItem, verbs, gvk, gvk, pathNames(namespaced))] as const,
    ...subresources.map(
      (sub) =>
        [
          `${collection}/{name}/${sub.name}`,
          operations([...ofItem, ...ofCollection.slice(2)], sub.verbs, kindOf(sub, gvk), gvk, pathNames(namespaced)),
        ] as const,
    ),
  ];
}

function pathNames(namespaced: boolean): readonly string[] {
  return namespaced ? ["name", "namespace"] : ["name"];
}

function kindOf({ group, version, kind }: Subresource, owner: GroupVersionKind): GroupVersionKind {
  return { group: group ?? owner.group, version: version ?? owner.version, kind };
}

function operations(
  rows: readonly Operation[],
  verbs: readonly Verb[],
  gvk: GroupVersionKind,
  own: GroupVersionKind,
  names: readonly string[],
): object {
  const supported = rows.filter(({ verb }) => verbs.includes(verb));
  const inPath = names.map((name) => ({ name, in: "path", required: true, schema: { type: "string" } }));
  const content = contentOf(gvk, own);
  const entries = supported.map(({ method, action }) => [
    method,
    {
      parameters: parametersOf(action),
      responses: { "200": { description: "OK", ...(action === "list" ? {} : content) } },
      "x-kubernetes-action": action,
      "x-kubernetes-group-version-kind": gvk,
    },
  ]);
  return { ...Object.fromEntries(entries), ...(inPath.length === 0 ? {} : { parameters: inPath }) };
}

/** What travels; of options of a stream nothing is published. */
function contentOf(gvk: GroupVersionKind, own: GroupVersionKind): object {
  const isOwn = gvk.kind === own.kind && gvk.group === own.group;
  if (!isOwn && definitionName(gvk.group, gvk.version, gvk.kind) === undefined) return {};
  const $ref = `#/components/schemas/${schemaName(gvk.group, gvk.version, gvk.kind)}`;
  return { content: { "application/json": { schema: { $ref } } } };
}
