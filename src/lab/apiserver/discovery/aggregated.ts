// Discovery in one answer: all groups with their versions and resources (apidiscovery.k8s.io).

import { parseAccept } from "#lab/apiserver/negotiate.ts";
import type { ResourceDefinition } from "#lab/apiserver/registry.ts";
import type { ApiResponse } from "#lab/apiserver/request.ts";

const group = "apidiscovery.k8s.io";
const kind = "APIGroupDiscoveryList";

/** The version of the aggregated form that a caller takes first; undefined when it wants the other form. */
export function aggregatedVersion(accept: string | undefined): "v2" | "v2beta1" | undefined {
  for (const { type, parameters } of parseAccept(accept ?? "")) {
    if (type !== "application/json") continue;
    const { g, v, as } = parameters;
    if (as === undefined) return undefined;
    if (g === group && as === kind && (v === "v2" || v === "v2beta1")) return v;
  }
  return undefined;
}

/** The answer; clients look at the content type to tell which form they got. */
export function aggregatedDiscovery(
  definitions: readonly ResourceDefinition[],
  version: "v2" | "v2beta1",
): ApiResponse {
  const items = [...Map.groupBy(definitions, (definition) => definition.group)].map(([name, members]) => ({
    metadata: { name, creationTimestamp: null },
    versions: versionsOf(members).map((served) => ({
      version: served,
      freshness: "Current",
      resources: members.filter((member) => serves(member, served)).map((member) => entry(member, served)),
    })),
  }));
  const type = `application/json;g=${group};v=${version};as=${kind}`;
  const body = { kind, apiVersion: `${group}/${version}`, metadata: {}, items };
  return { status: 200, headers: { "content-type": type, vary: "Accept" }, body };
}

/** Served versions of a group in the order of its resources' preference. */
export function versionsOf(members: readonly ResourceDefinition[]): readonly string[] {
  return [
    ...new Set(members.flatMap(({ versions }) => versions.flatMap(({ name, served }) => (served ? [name] : [])))),
  ];
}

export function serves({ versions }: ResourceDefinition, version: string): boolean {
  return versions.some(({ name, served }) => served && name === version);
}

/** APIResourceDiscovery. */
function entry(definition: ResourceDefinition, version: string): object {
  const { plural, kind, namespaced, singular, verbs, shortNames, categories, subresources } = definition;
  return {
    resource: plural,
    responseKind: { group: definition.group, version, kind },
    scope: namespaced ? "Namespaced" : "Cluster",
    singularResource: singular,
    verbs,
    ...(shortNames.length === 0 ? {} : { shortNames }),
    ...(categories.length === 0 ? {} : { categories }),
    ...(subresources.length === 0
      ? {}
      : {
          subresources: subresources.map((subresource) => ({
            subresource: subresource.name,
            responseKind: {
              group: subresource.group ?? definition.group,
              version: subresource.version ?? version,
              kind: subresource.kind,
            },
            verbs: subresource.verbs,
          })),
        }),
  };
}
