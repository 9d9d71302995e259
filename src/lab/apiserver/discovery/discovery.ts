// Paths that are no resource: version, health, and which groups and resources there are.

import { apiVersionOf } from "#kube/resource.ts";
import type { ApiContext } from "#lab/apiserver/context.ts";
import type { ResourceDefinition, Subresource } from "#lab/apiserver/registry.ts";
import { type ApiRequest, type ApiResponse, jsonResponse, textResponse } from "#lab/apiserver/request.ts";
import { aggregatedDiscovery, aggregatedVersion, serves, versionsOf } from "./aggregated.ts";
import { answerOpenApi } from "./openapi.ts";

/** The version of Kubernetes whose API this server speaks. */
const version = {
  major: "1",
  minor: "33",
  gitVersion: "v1.33.0+twill",
  gitCommit: "",
  gitTreeState: "clean",
  buildDate: "1970-01-01T00:00:00Z",
  goVersion: "",
  compiler: "bun",
  platform: `linux/${process.arch === "x64" ? "amd64" : process.arch}`,
};

/** Answers for a path without a resource; undefined when there is none. */
export function answerDiscovery(
  { registry }: ApiContext,
  { method, path, headers }: ApiRequest,
): ApiResponse | undefined {
  if (method !== "GET" && method !== "HEAD") return undefined;
  const parts = path.split("/").filter((part) => part !== "");
  const [root = "", group = "", groupsVersion = ""] = parts;
  if (parts.length === 1) {
    if (root === "version") return jsonResponse(version);
    if (root === "healthz" || root === "livez" || root === "readyz") return textResponse("ok");
    const aggregated = aggregatedVersion(headers["accept"]);
    if (aggregated !== undefined && (root === "api" || root === "apis")) {
      const ofCore = root === "api";
      return aggregatedDiscovery(
        registry.all().filter((definition) => (definition.group === "") === ofCore),
        aggregated,
      );
    }
    if (root === "api") return jsonResponse({ kind: "APIVersions", versions: ["v1"], serverAddressByClientCIDRs: [] });
    if (root === "apis") return jsonResponse(groupList(registry.all()));
  }
  if (root === "openapi") return answerOpenApi(registry, `/${parts.join("/")}`);
  if (root === "api" && parts.length === 2) return resourceList(registry.all(), "", group);
  if (root === "apis" && parts.length === 2) {
    const found = groupsOf(registry.all()).find(({ name }) => name === group);
    return found === undefined ? undefined : jsonResponse({ kind: "APIGroup", apiVersion: "v1", ...found });
  }
  if (root === "apis" && parts.length === 3) return resourceList(registry.all(), group, groupsVersion);
  return parts.length === 0 ? jsonResponse({ paths: ["/api", "/apis", "/healthz", "/version"] }) : undefined;
}

type GroupVersion = { readonly groupVersion: string; readonly version: string };

/** meta/v1 APIGroup, but for its kind. */
type Group = {
  readonly name: string;
  readonly versions: readonly GroupVersion[];
  readonly preferredVersion: GroupVersion;
};

/** All groups but the core one; the version that the first resource of a group prefers is the group's. */
function groupsOf(definitions: readonly ResourceDefinition[]): readonly Group[] {
  const groups = Map.groupBy(definitions, ({ group }) => group);
  groups.delete("");
  return [...groups].flatMap(([name, members]) => {
    const versions = versionsOf(members).map((version) => ({
      groupVersion: apiVersionOf({ group: name, version }),
      version,
    }));
    const [preferredVersion] = versions;
    return preferredVersion === undefined ? [] : [{ name, versions, preferredVersion }];
  });
}

function groupList(definitions: readonly ResourceDefinition[]): object {
  return { kind: "APIGroupList", apiVersion: "v1", groups: groupsOf(definitions) };
}

function resourceList(
  definitions: readonly ResourceDefinition[],
  group: string,
  version: string,
): ApiResponse | undefined {
  const served = definitions.filter((definition) => definition.group === group && serves(definition, version));
  if (served.length === 0) return undefined;
  const resources = served.flatMap((definition) => [
    resourceEntry(definition),
    ...definition.subresources.map((subresource) => subresourceEntry(definition, subresource)),
  ]);
  return jsonResponse({
    kind: "APIResourceList",
    apiVersion: "v1",
    groupVersion: apiVersionOf({ group, version }),
    resources,
  });
}

/** meta/v1 APIResource. */
function resourceEntry(definition: ResourceDefinition): object {
  const { plural: name, singular: singularName, namespaced, kind, verbs, shortNames, categories } = definition;
  return {
    name,
    singularName,
    namespaced,
    kind,
    verbs,
    ...(shortNames.length === 0 ? {} : { shortNames }),
    ...(categories.length === 0 ? {} : { categories }),
  };
}

function subresourceEntry({ plural, namespaced }: ResourceDefinition, subresource: Subresource): object {
  const { name, kind, verbs, group, version } = subresource;
  return {
    name: `${plural}/${name}`,
    singularName: "",
    namespaced,
    ...(group === undefined ? {} : { group }),
    ...(version === undefined ? {} : { version }),
    kind,
    verbs,
  };
}
