// The resource that a CustomResourceDefinition brings: its versions, shapes, columns and subresources.

import type { KubeObject } from "#kube/object.ts";
import {
  allVerbs,
  type Column,
  type ResourceDefinition,
  type ResourceVersion,
  type Rules,
  type Subresource,
} from "#lab/apiserver/registry.ts";
import { anything, type Schema } from "#lab/apiserver/schema/schema.ts";
import { validateSchema } from "#lab/apiserver/schema/validate.ts";
import { ruleFaults } from "./cel/rules.ts";
import { type CrdVersion, crdSpec, defaultCrd, writtenSchema } from "./crd.ts";
import { plainPath } from "./json-path.ts";

/** Of a definition that is valid; versions in the order in which clients prefer them. */
export function crdDefinition(crd: KubeObject): ResourceDefinition {
  const { group, names, scope, versions } = crdSpec(defaultCrd(crd));
  const ordered = versions.toSorted((a, b) => compareVersions(a.name, b.name));
  const { kind, plural, singular = "", listKind = "", shortNames = [], categories = [] } = names;
  return {
    group,
    versions: ordered.map((version) => versionOf(version, group, kind)),
    kind,
    listKind,
    plural,
    singular,
    shortNames,
    categories,
    namespaced: scope === "Namespaced",
    verbs: allVerbs,
    subresources: subresourcesOf(versions, kind),
    selectableFields: selectableFieldsOf(versions),
    generation: true,
    rules: rulesOf(crd),
    custom: true,
  };
}

function versionOf(version: CrdVersion, group: string, kind: string): ResourceVersion {
  const { name, served, storage, additionalPrinterColumns } = version;
  const schema = wholeSchema(writtenSchema(version) ?? anything, { group, version: name, kind });
  const age: Column = { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" };
  return { name, served, storage, schema: () => schema, columns: additionalPrinterColumns ?? [age] };
}

type Gvk = { readonly group: string; readonly version: string; readonly kind: string };

/** The written schema with what every object has; what it says of metadata restricts, and never shapes. */
function wholeSchema(written: Schema, gvk: Gvk): Schema {
  const { metadata, ...properties } = written.properties ?? {};
  const { type: _type, description: _description, ...restriction } = metadata ?? {};
  const objectMeta: Schema = { $ref: "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta" };
  return {
    ...written,
    type: "object",
    properties: {
      ...properties,
      apiVersion: { type: "string" },
      kind: { type: "string" },
      metadata: Object.keys(restriction).length === 0 ? objectMeta : { ...objectMeta, allOf: [restriction] },
    },
    "x-kubernetes-group-version-kind": [gvk],
  };
}

/** Rules in CEL, of the version in which objects are stored; an object whose shape is wrong is not asked for more. */
function rulesOf(crd: KubeObject): Rules {
  const stored = crdSpec(crd).versions.find(({ storage }) => storage);
  const schema = stored === undefined ? undefined : writtenSchema(stored);
  if (schema === undefined || !JSON.stringify(schema).includes('"x-kubernetes-validations":')) return {};
  return {
    validate: (object, old) => (validateSchema(schema, object).length > 0 ? [] : ruleFaults(schema, object, old)),
  };
}

/** Subresources are said for each version; the storage version's count, as all versions share their objects. */
function subresourcesOf(versions: readonly CrdVersion[], kind: string): readonly Subresource[] {
  const { status, scale } = versions.find(({ storage }) => storage)?.subresources ?? {};
  const verbs = ["get", "patch", "update"] as const;
  const selectorText = scale?.labelSelectorPath === undefined ? undefined : plainPath(scale.labelSelectorPath);
  return [
    ...(status === undefined ? [] : [{ name: "status", kind, verbs }]),
    ...(scale === undefined
      ? []
      : [
          {
            name: "scale",
            kind: "Scale",
            group: "autoscaling",
            version: "v1",
            verbs,
            scale: {
              specReplicas: plainPath(scale.specReplicasPath) ?? [],
              statusReplicas: plainPath(scale.statusReplicasPath) ?? [],
              // Without a path of its own the selector is not shown: an empty path leads nowhere.
              selectorText: selectorText ?? [""],
            },
          },
        ]),
  ];
}

function selectableFieldsOf(versions: readonly CrdVersion[]): readonly string[] {
  const paths = versions.flatMap(({ selectableFields = [] }) => selectableFields.map(({ jsonPath }) => jsonPath));
  return [...new Set(paths.flatMap((path) => plainPath(path)?.join(".") ?? []))];
}

/** Stable versions first, then beta, then alpha, higher numbers first; anything else by name ("Version priority"). */
export function compareVersions(a: string, b: string): number {
  const [x, y] = [priorityOf(a), priorityOf(b)];
  for (const [index, part] of x.entries()) {
    const difference = (y[index] ?? 0) - part;
    if (difference !== 0) return difference;
  }
  return a < b ? -1 : a > b ? 1 : 0;
}

const stages = ["alpha", "beta", undefined];

/** Stage, major and minor number; a name of another form has none. */
function priorityOf(version: string): readonly number[] {
  const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
  if (match === null) return [-1, 0, 0];
  return [stages.indexOf(match[2]), Number(match[1]), Number(match[3] ?? 0)];
}
