// What comes from a client, made to fit its kind: unknown fields dropped or refused, defaults filled in, shape checked.

import { badRequest, type Cause } from "#kube/kube-error.ts";
import type { KubeObject } from "#kube/object.ts";
import { updateManagedFields } from "#lab/apiserver/apply/update.ts";
import { type ApiContext, formatTime } from "#lab/apiserver/context.ts";
import type { WriteQuery } from "#lab/apiserver/query.ts";
import { findSubresource, storedVersion } from "#lab/apiserver/registry.ts";
import { applyDefaults } from "#lab/apiserver/schema/defaults.ts";
import { schemaOf } from "#lab/apiserver/schema/definitions.ts";
import { prune, unknownFields } from "#lab/apiserver/schema/prune.ts";
import { anything, type Schema } from "#lab/apiserver/schema/schema.ts";
import { validateSchema } from "#lab/apiserver/schema/validate.ts";
import { groupVersion, type Target } from "#lab/apiserver/target.ts";

/** An object that was written, and what its author should be told besides. */
export type Written = {
  readonly object: KubeObject;
  /** For the Warning header. */
  readonly warnings: readonly string[];
  /** False: it was there. */
  readonly created: boolean;
};

/** The shape of what the path names: of the object, or of a subresource with a kind of its own. */
export function schemaFor({ definition, version, subresource }: Target): Schema {
  const own = findSubresource(definition, subresource);
  return (own?.group === undefined ? version.schema() : schemaOf(own.group, own.version ?? "", own.kind)) ?? anything;
}

/**
 * The object without unknown fields and with the schema's defaults. Throws BadRequest for unknown fields when the client wants to hear
 * of them, and for values of a wrong type.
 */
export function takeIn(
  target: Target,
  object: KubeObject,
  { fieldValidation }: Pick<WriteQuery, "fieldValidation">,
): { readonly object: KubeObject; readonly warnings: readonly string[] } {
  const schema = schemaFor(target);
  const unknown =
    fieldValidation === "Ignore" ? [] : unknownFields(schema, object).map((path) => `unknown field "${path}"`);
  const { kind } = object;
  const where = `${kind} in version "${target.version.name}" cannot be handled as a ${kind}`;
  if (fieldValidation === "Strict" && unknown.length > 0) {
    throw badRequest(`${where}: strict decoding error: ${unknown.join(", ")}`);
  }
  const pruned = prune(schema, object);
  // Kubernetes decodes built-in kinds into structs: a value of another type never reaches validation.
  const wrong = target.definition.custom ? [] : typeFaults(schema, pruned);
  if (wrong.length > 0)
    throw badRequest(`${where}: ${wrong.map(({ field, message }) => `${field}: ${message}`).join(", ")}`);
  return { object: applyDefaults(schema, pruned), warnings: unknown };
}

function typeFaults(schema: Schema, object: KubeObject): readonly Cause[] {
  return validateSchema(schema, object, { lenient: ["status"] }).filter(
    ({ reason }) => reason === "FieldValueTypeInvalid",
  );
}

/**
 * What is wrong with the shape of an object that is to be stored. Versions of a custom resource share their fields: the requested one's
 * schema counts; built-in ones may not.
 */
export function shapeFaults({ definition, version }: Target, object: KubeObject): readonly Cause[] {
  const { schema } = definition.custom ? version : storedVersion(definition);
  return validateSchema(schema() ?? anything, object, { lenient: definition.custom ? [] : ["status"] });
}

/** The object with the managed fields that this write leaves: who set what. An apply has settled that before. */
export function withManagers(
  context: ApiContext,
  { definition, version, subresource }: Target,
  { applies, fieldManager: manager }: WriteQuery,
  before: KubeObject | undefined,
  after: KubeObject,
): KubeObject {
  if (applies) return after;
  const apiVersion = groupVersion(definition.group, version.name);
  const schema = storedVersion(definition).schema();
  const now = formatTime(context.now());
  return updateManagedFields({ schema, before, after, manager, apiVersion, subresource, now });
}
