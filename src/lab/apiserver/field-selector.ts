// Field selectors on the server: which fields a kind can be selected by, and their values as text.

import { badRequest } from "#kube/kube-error.ts";
import type { KubeObject } from "#kube/object.ts";
import { type FieldRequirement, type LabelSelector, matchesFields, matchesLabels } from "#kube/selector.ts";
import type { ResourceDefinition } from "./registry.ts";
import { isFields } from "./schema/json.ts";
import { fromStored, type Target } from "./target.ts";

/** What absent fields count as, where it is not "". */
const absent: Readonly<Record<string, string>> = {
  "spec.hostNetwork": "false",
  "spec.unschedulable": "false",
  "status.replicas": "0",
  "status.successful": "0",
};

/** Throws BadRequest for a field that objects of this kind cannot be selected by. */
export function checkFields(
  { plural, selectableFields }: ResourceDefinition,
  fields: readonly FieldRequirement[],
): void {
  for (const { path } of fields) {
    if (path === "metadata.name" || path === "metadata.namespace" || selectableFields.includes(path)) continue;
    throw badRequest(`Unable to find ${plural} by the field selector: field label not supported: ${path}`);
  }
}

/** Whether a stored object is selected; fields are those of the requested version. */
export function selects(
  target: Pick<Target, "definition" | "version">,
  { labels, fields }: { readonly labels: LabelSelector; readonly fields: readonly FieldRequirement[] },
  object: KubeObject,
): boolean {
  if (labels.length > 0 && !matchesLabels(labels, object.metadata.labels)) return false;
  if (fields.length === 0) return true;
  const seen = fromStored(target, object);
  return matchesFields(fields, (path) => fieldOf(seen, path));
}

function fieldOf(object: KubeObject, path: string): string {
  // Of an event the label is `source`, and means its component (core/v1 Event).
  const field = path === "source" ? "source.component" : path;
  let value: unknown = object;
  for (const part of field.split(".")) value = isFields(value) ? value[part] : undefined;
  return value === undefined || value === null ? (absent[path] ?? "") : String(value);
}
