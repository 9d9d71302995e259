// Managed fields of an object: who set which fields by which operation (metadata.managedFields).

import type { KubeObject } from "#kube/object.ts";
import { type Fields, isFields } from "#lab/apiserver/schema/json.ts";
import { type FieldSet, fieldSet, formatFieldsV1, isEmptySet, parseFieldsV1, unionSets } from "./field-set.ts";

export type Operation = "Apply" | "Update";

export type Manager = {
  readonly manager: string;
  readonly operation: Operation;
  readonly apiVersion: string;
  /** "" for the object itself. */
  readonly subresource: string;
  /** RFC 3339, whole seconds. */
  readonly time: string | undefined;
  readonly fields: FieldSet;
};

/** Managers by Update beyond this number become one, of old changes (Kubernetes' own limit). */
const maxUpdateManagers = 10;
const oldChanges = "ancient-changes";

/** Entries that this server cannot read (another format, no operation) say nothing of any field: they go. */
export function parseManagers(entries: unknown): readonly Manager[] {
  if (!Array.isArray(entries)) return [];
  return entries.filter(isFields).flatMap((entry) => {
    const operation = entry["operation"];
    if (operation !== "Apply" && operation !== "Update") return [];
    const time = entry["time"];
    return [
      {
        manager: textOf(entry, "manager"),
        operation,
        apiVersion: textOf(entry, "apiVersion"),
        subresource: textOf(entry, "subresource"),
        time: typeof time === "string" ? time : undefined,
        fields: parseFieldsV1(entry["fieldsV1"]),
      },
    ];
  });
}

function textOf(entry: Fields, name: string): string {
  const value = entry[name];
  return typeof value === "string" ? value : "";
}

/** Entries in Kubernetes' order: those of Apply first, then by age and name. */
function formatManagers(managers: readonly Manager[]): readonly Fields[] {
  const order = ({ operation, time = "", manager, apiVersion, subresource }: Manager): string =>
    [operation, time, manager, apiVersion, subresource].join("\0");
  return capManagers(managers)
    .filter(({ fields }) => !isEmptySet(fields))
    .sort((a, b) => (order(a) < order(b) ? -1 : 1))
    .map(({ manager, operation, apiVersion, subresource, time, fields }) => ({
      apiVersion,
      fieldsType: "FieldsV1",
      fieldsV1: formatFieldsV1(fields),
      ...(manager === "" ? {} : { manager }),
      operation,
      ...(subresource === "" ? {} : { subresource }),
      ...(time === undefined ? {} : { time }),
    }));
}

/** The oldest managers by Update beyond the limit, joined: one for each version of the API. */
function capManagers(managers: readonly Manager[]): Manager[] {
  const updates = managers.filter(({ operation }) => operation === "Update");
  const excess = updates.length - maxUpdateManagers;
  if (excess <= 0) return [...managers];
  const byAge = updates.toSorted((a, b) => ((a.time ?? "") < (b.time ?? "") ? -1 : 1));
  // One more than the excess: the joined manager takes a place as well.
  const old = new Set(byAge.slice(0, excess + 1));
  const joined = new Map<string, Manager>();
  for (const one of byAge) {
    if (!old.has(one)) continue;
    const other = joined.get(one.apiVersion);
    const fields = other === undefined ? one.fields : unionSets(other.fields, one.fields);
    joined.set(one.apiVersion, { ...one, manager: oldChanges, subresource: "", fields });
  }
  return [...managers.filter((one) => !old.has(one)), ...joined.values()];
}

/** Whether two entries are of one manager: versions of the API are told apart for updates only. */
export function isSameManager(a: Omit<Manager, "time" | "fields">, b: Omit<Manager, "time" | "fields">): boolean {
  return (
    a.manager === b.manager &&
    a.operation === b.operation &&
    a.subresource === b.subresource &&
    (a.operation === "Apply" || a.apiVersion === b.apiVersion)
  );
}

const serversFields = [
  ...["creationTimestamp", "generation", "managedFields", "name", "namespace", "resourceVersion", "selfLink", "uid"],
  // Deletion is asked for, not managed.
  ...["deletionTimestamp", "deletionGracePeriodSeconds"],
].map((name) => `f:${name}`);
const typeFields = ["f:apiVersion", "f:kind"];

/** Without the fields that nobody manages: what identifies the object, what only the server sets, and `ignored`. */
export function stripFields(set: FieldSet, ignored: readonly string[]): FieldSet {
  const gone = [...typeFields, ...ignored.map((name) => `f:${name}`)];
  const children = [...set.children].flatMap(([element, child]) => {
    if (gone.includes(element)) return [];
    if (element !== "f:metadata") return [[element, child] as const];
    const kept = [...child.children].filter(([name]) => !serversFields.includes(name));
    return [[element, fieldSet(false, kept)] as const];
  });
  return fieldSet(false, children);
}

/** The object with other managed fields; without the field when nobody manages anything. */
export function withManagers(object: KubeObject, managers: readonly Manager[]): KubeObject {
  const { managedFields: _old, ...metadata } = object.metadata;
  const entries = formatManagers(managers);
  return { ...object, metadata: entries.length === 0 ? metadata : { ...metadata, managedFields: entries } };
}

export function withoutManagers(object: KubeObject): KubeObject {
  const { managedFields: _old, ...metadata } = object.metadata;
  return { ...object, metadata };
}
