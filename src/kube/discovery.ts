// What an API server serves: its resources and their verbs, and the way from a kind to its resource.

import type { KubeClient } from "./client.ts";
import type { Resource } from "./resource.ts";

/** A resource as the server describes it. */
export type ServedResource = Resource & { readonly verbs: readonly string[]; readonly shortNames: readonly string[] };

type ResourceList = {
  readonly resources: readonly {
    readonly name: string;
    readonly kind: string;
    readonly namespaced: boolean;
    readonly verbs: readonly string[];
    readonly shortNames?: readonly string[];
  }[];
};

type GroupList = {
  readonly groups: readonly { readonly name: string; readonly preferredVersion: { readonly version: string } }[];
};

/** All resources at the preferred version of their group, without subresources. Throws `KubeError`. */
export async function discover(client: KubeClient): Promise<readonly ServedResource[]> {
  const read = async (path: string) => await client.raw({ method: "GET", path, query: {} });
  const { groups } = (await read("/apis")) as GroupList;
  const versions = [
    { group: "", version: "v1", path: "/api/v1" },
    ...groups.map(({ name: group, preferredVersion: { version } }) => ({
      group,
      version,
      path: `/apis/${group}/${version}`,
    })),
  ];
  const lists = await Promise.all(
    versions.map(async ({ group, version, path }) => {
      const { resources } = (await read(path)) as ResourceList;
      return resources
        .filter(({ name }) => !name.includes("/"))
        .map(({ name: plural, kind, namespaced, verbs, shortNames = [] }) => ({
          group,
          version,
          plural,
          kind,
          namespaced,
          verbs,
          shortNames,
        }));
    }),
  );
  return lists.flat();
}

/** The resource of an object's `apiVersion` and `kind`; undefined when the server has none. */
export function resourceOfKind(
  served: readonly ServedResource[],
  { apiVersion, kind }: { readonly apiVersion: string; readonly kind: string },
): ServedResource | undefined {
  const slash = apiVersion.indexOf("/");
  const group = slash < 0 ? "" : apiVersion.slice(0, slash);
  const version = apiVersion.slice(slash + 1);
  const found = served.find((resource) => resource.group === group && resource.kind === kind);
  return found === undefined ? undefined : { ...found, version };
}
