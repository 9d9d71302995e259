// Short forms for the tables of built-in resources: what a definition has unless its row says otherwise.

import {
  allVerbs,
  type ResourceDefinition,
  type ResourceVersion,
  type Rules,
  type Subresource,
  type Verb,
} from "#lab/apiserver/registry.ts";
import { schemaOf } from "#lab/apiserver/schema/definitions.ts";

export type BuiltinRow = {
  readonly kind: string;
  /** Unless it is the kind in lower case with an "s". */
  readonly plural?: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  /** False for resources of the cluster. */
  readonly namespaced?: boolean;
  readonly verbs?: readonly Verb[];
  readonly subresources?: readonly Subresource[];
  readonly selectableFields?: readonly string[];
  readonly generation?: boolean;
  /** Older names of the same shape, after the preferred one. */
  readonly olderVersions?: readonly string[];
  readonly versions?: readonly ResourceVersion[];
  readonly storedAs?: ResourceDefinition["storedAs"];
  readonly rules?: Rules;
};

/** Definitions of one group's preferred version. */
export function defineGroup(
  group: string,
  version: string,
  rows: readonly BuiltinRow[],
): readonly ResourceDefinition[] {
  return rows.map((row) => {
    const { kind, olderVersions = [], storedAs } = row;
    const plural = row.plural ?? `${kind.toLowerCase()}s`;
    // Older versions that are served have the shape of the newer one.
    const schema = () => schemaOf(group, version, kind);
    const versions = row.versions ?? [
      { name: version, served: true, storage: true, schema },
      ...olderVersions.map((name) => ({ name, served: true, storage: false, schema })),
    ];
    return {
      group,
      versions,
      kind,
      listKind: `${kind}List`,
      plural,
      singular: kind.toLowerCase(),
      shortNames: row.shortNames ?? [],
      categories: row.categories ?? [],
      namespaced: row.namespaced ?? true,
      verbs: row.verbs ?? allVerbs,
      subresources: row.subresources ?? [],
      selectableFields: row.selectableFields ?? [],
      generation: row.generation ?? false,
      ...(storedAs === undefined ? {} : { storedAs }),
      rules: row.rules ?? {},
      custom: false,
    };
  });
}

/** `/status` of a kind. */
export function statusOf(kind: string): Subresource {
  return { name: "status", kind, verbs: ["get", "patch", "update"] };
}

/** `/scale` of a kind: an autoscaling/v1 Scale travels. */
export const scale: Subresource = {
  name: "scale",
  kind: "Scale",
  group: "autoscaling",
  version: "v1",
  verbs: ["get", "patch", "update"],
};
