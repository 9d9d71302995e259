// A CustomResourceDefinition as this server reads it, and what it has when its author says nothing.

import type { CustomResourceDefinitionNames, CustomResourceDefinitionSpec } from "kubernetes-types/apiextensions/v1";
import type { KubeObject } from "#kube/object.ts";
import type { Schema } from "#lab/apiserver/schema/schema.ts";

export type CrdNames = CustomResourceDefinitionNames;
export type CrdSpec = CustomResourceDefinitionSpec;
export type CrdVersion = CrdSpec["versions"][number];

/** The spec of an object whose shape the schema of CustomResourceDefinition has been checked against. */
export function crdSpec(crd: KubeObject): CrdSpec {
  return crd["spec"] as CrdSpec;
}

/** The schema of a version, as its author wrote it: an OpenAPI v3 schema, whose form the published types call JSONSchemaProps. */
export function writtenSchema({ schema }: CrdVersion): Schema | undefined {
  return schema?.openAPIV3Schema as Schema | undefined;
}

/** The definition with names, conversion and columns that follow from what is said. */
export function defaultCrd(crd: KubeObject): KubeObject {
  const spec = crdSpec(crd);
  const { names } = spec;
  return {
    ...crd,
    spec: {
      ...spec,
      conversion: spec.conversion ?? { strategy: "None" },
      names: {
        ...names,
        singular: names.singular ?? names.kind.toLowerCase(),
        listKind: names.listKind ?? `${names.kind}List`,
      },
    },
  };
}
