// Rules of CustomResourceDefinitions beyond their shape.

import type { Cause } from "#kube/kube-error.ts";
import type { KubeObject } from "#kube/object.ts";
import { serviceNameFaults } from "#lab/apiserver/rules/names.ts";
import {
  duplicateValue,
  forbiddenField,
  invalidValue,
  requiredValue,
  unsupportedValue,
} from "#lab/apiserver/schema/cause.ts";
import { type CrdNames, type CrdSpec, type CrdVersion, crdSpec, writtenSchema } from "./crd.ts";
import { parseJsonPath, plainPath } from "./json-path.ts";
import { metadataFaults, structuralFaults } from "./structural.ts";

const groupForm = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const columnTypes = ["boolean", "date", "integer", "number", "string"];
const approval = "api-approved.kubernetes.io";

/** All that is wrong with a definition; `old` is the one that it replaces. */
export function validateCrd(crd: KubeObject, old: KubeObject | undefined): readonly Cause[] {
  const spec = crdSpec(crd);
  return [
    ...nameFaults(crd, spec),
    ...(spec.scope === "Cluster" || spec.scope === "Namespaced"
      ? []
      : [unsupportedValue("spec.scope", spec.scope, ["Cluster", "Namespaced"])]),
    ...conversionFaults(spec),
    ...(spec.preserveUnknownFields === true ? [preserving] : []),
    ...versionsFaults(spec.versions),
    ...(old === undefined ? [] : changeFaults(crd, old)),
  ];
}

const preserving = invalidValue(
  "spec.preserveUnknownFields",
  true,
  "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead",
);

function nameFaults(crd: KubeObject, { group, names }: CrdSpec): readonly Cause[] {
  const causes: Cause[] = [];
  const { name = "", annotations = {} } = crd.metadata;
  if (name !== `${names.plural}.${group}`) {
    causes.push(invalidValue("metadata.name", name, 'must be spec.names.plural+"."+spec.group'));
  }
  if (!groupForm.test(group) || !group.includes(".")) {
    causes.push(invalidValue("spec.group", group, "should be a domain with at least one dot"));
  }
  if (/(^|\.)(k8s|kubernetes)\.io$/.test(group) && annotations[approval] === undefined) {
    const detail = `protected groups must have approval annotation ${JSON.stringify(approval)}`;
    causes.push(requiredValue(`metadata.annotations[${approval}]`, detail));
  }
  causes.push(...labelsOf(names).flatMap(([field, value]) => serviceNameFaults(field, value)));
  if (names.listKind !== undefined && names.listKind.toLowerCase() === names.kind.toLowerCase()) {
    causes.push(invalidValue("spec.names.listKind", names.listKind, "kind and listKind may not be the same"));
  }
  return causes;
}

/** Names that must look like labels; kinds are compared as they are in lower case. */
function labelsOf({ plural, singular, kind, listKind, shortNames = [], categories = [] }: CrdNames) {
  const optional = (field: string, value: string | undefined) => (value === undefined ? [] : [[field, value] as const]);
  return [
    ["spec.names.plural", plural] as const,
    ...optional("spec.names.singular", singular),
    ["spec.names.kind", kind.toLowerCase()] as const,
    ...optional("spec.names.listKind", listKind?.toLowerCase()),
    ...shortNames.map((name, index) => [`spec.names.shortNames[${index}]`, name] as const),
    ...categories.map((name, index) => [`spec.names.categories[${index}]`, name] as const),
  ];
}

/** Webhooks do not exist in this server: versions of a resource differ in `apiVersion` and in what their schemas keep. */
function conversionFaults({ conversion }: CrdSpec): readonly Cause[] {
  if (conversion === undefined || conversion.strategy === "None") return [];
  return [unsupportedValue("spec.conversion.strategy", conversion.strategy, ["None"])];
}

function versionsFaults(versions: readonly CrdVersion[]): readonly Cause[] {
  const causes: Cause[] = [];
  const stored = versions.filter(({ storage }) => storage);
  const names = versions.map(({ name }) => name);
  if (stored.length !== 1) {
    causes.push(invalidValue("spec.versions", names, "must have exactly one version marked as storage version"));
  }
  for (const [index, version] of versions.entries()) {
    const path = `spec.versions[${index}]`;
    causes.push(...serviceNameFaults(`${path}.name`, version.name));
    if (names.indexOf(version.name) !== index) causes.push(duplicateValue(`${path}.name`, version.name));
    causes.push(...versionFaults(version, path));
  }
  return causes;
}

function versionFaults(version: CrdVersion, path: string): readonly Cause[] {
  const schema = writtenSchema(version);
  const at = `${path}.schema.openAPIV3Schema`;
  const shape = schema === undefined ? [requiredValue(at, "schemas are required")] : structuralFaults(schema, at);
  const metadata = schema === undefined ? [] : metadataFaults(schema, at);
  return [
    ...shape,
    ...metadata,
    ...columnFaults(version, path),
    ...scaleFaults(version, path),
    ...selectableFaults(version, path),
  ];
}

function columnFaults({ additionalPrinterColumns = [] }: CrdVersion, path: string): readonly Cause[] {
  return additionalPrinterColumns.flatMap(({ type, jsonPath }, index) => {
    const at = `${path}.additionalPrinterColumns[${index}]`;
    return [
      ...(columnTypes.includes(type) ? [] : [unsupportedValue(`${at}.type`, type, columnTypes)]),
      ...(jsonPath.startsWith(".") && parseJsonPath(jsonPath) !== undefined
        ? []
        : [
            invalidValue(`${at}.jsonPath`, jsonPath, "is not a valid JSON path, or one that this server does not know"),
          ]),
    ];
  });
}

function scaleFaults({ subresources }: CrdVersion, path: string): readonly Cause[] {
  const scale = subresources?.scale;
  if (scale === undefined) return [];
  const below = (name: keyof typeof scale, ...roots: readonly string[]): readonly Cause[] => {
    const text = scale[name];
    if (text === undefined) return [];
    const root = plainPath(text)?.[0] ?? "";
    if (roots.includes(root) && (plainPath(text)?.length ?? 0) > 1) return [];
    const allowed = roots.map((one) => `.${one}`).join(" or ");
    return [invalidValue(`${path}.subresources.scale.${name}`, text, `should be a json path under ${allowed}`)];
  };
  return [
    ...below("specReplicasPath", "spec"),
    ...below("statusReplicasPath", "status"),
    ...below("labelSelectorPath", "spec", "status"),
  ];
}

function selectableFaults({ selectableFields = [] }: CrdVersion, path: string): readonly Cause[] {
  return selectableFields.flatMap(({ jsonPath }, index) =>
    plainPath(jsonPath) === undefined || plainPath(jsonPath)?.[0] === "metadata"
      ? [
          invalidValue(
            `${path}.selectableFields[${index}].jsonPath`,
            jsonPath,
            "is an invalid path: only fields outside of metadata",
          ),
        ]
      : [],
  );
}

/** What objects that are stored already rely on stays as it is. */
function changeFaults(crd: KubeObject, old: KubeObject): readonly Cause[] {
  const [now, before] = [crdSpec(crd), crdSpec(old)];
  const fixed = [
    ["spec.group", now.group, before.group],
    ["spec.scope", now.scope, before.scope],
    ["spec.names.kind", now.names.kind, before.names.kind],
    ["spec.names.plural", now.names.plural, before.names.plural],
  ] as const;
  const changed = fixed.filter(([, value, old]) => value !== old);
  const stored = storedVersionsOf(old);
  const gone = stored.filter((name) => !now.versions.some((version) => version.name === name));
  return [
    ...changed.map(([field, value]) => invalidValue(field, value, "field is immutable")),
    ...gone.map((name) =>
      forbiddenField(
        "spec.versions",
        `${name} is in status.storedVersions: objects may be stored in it, so it must stay`,
      ),
    ),
  ];
}

/** Versions in which objects may be stored. */
export function storedVersionsOf(crd: KubeObject): readonly string[] {
  const status = crd["status"] as { readonly storedVersions?: readonly string[] } | undefined;
  return status?.storedVersions ?? [];
}
