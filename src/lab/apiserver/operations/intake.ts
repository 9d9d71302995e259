// What comes from a client, made to fit its kind: unknown fields dropped or refused, defaults filled in, shape checked.

import { badRequest, type Cause, invalid } from "#kube/kube-error.ts";
import type { KubeObject } from "#kube/object.ts";
import { apiVersionOf } from "#kube/resource.ts";
import { timestamp } from "#kube/time.ts";
import { updateManagedFields } from "#lab/apiserver/apply/update.ts";
import type { ApiContext } from "#lab/apiserver/context.ts";
import { metadataFaults } from "#lab/apiserver/metadata.ts";
import type { WriteQuery } from "#lab/apiserver/query.ts";
import { findSubresource, storedVersion } from "#lab/apiserver/registry.ts";
import { applyDefaults } from "#lab/apiserver/schema/defaults.ts";
import { schemaOf } from "#lab/apiserver/schema/definitions.ts";
import { prune, unknownFields } from "#lab/apiserver/schema/prune.ts";
import { anything, type Schema } from "#lab/apiserver/schema/schema.ts";
import { validateSchema } from "#lab/apiserver/schema/validate.ts";
import type { Target } from "#lab/apiserver/target.ts";

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
 * The object without unknown fields and with the schema's defaults. Throws BadRequest for unknown and repeated fields when the client
 * wants to hear of them.
 */
export function takeIn(
  target: Target,
  object: KubeObject,
  { fieldValidation, repetitions }: Pick<WriteQuery, "fieldValidation" | "repetitions">,
): { readonly object: KubeObject; readonly warnings: readonly string[] } {
  const schema = schemaFor(target);
  const unknown =
    fieldValidation === "Ignore" ? [] : unknownFields(schema, object).map((path) => `unknown field "${path}"`);
  const faults = [...unknown, ...repetitions];
  if (fieldValidation === "Strict" && faults.length > 0) {
    throw unreadable(target, object.kind, `strict decoding error: ${faults.join(", ")}`);
  }
  return { object: applyDefaults(schema, prune(schema, object)), warnings: faults };
}

/**
 * What is wrong with metadata and shape of an object that is to be stored. Versions of a custom resource share their fields, so that the
 * requested one's schema counts; those of built-in ones may not. Throws BadRequest for values of a wrong type in built-in kinds:
 * Kubernetes decodes those into structs, and such a value never reaches their rules.
 */
function shapeFaults(target: Target, object: KubeObject): readonly Cause[] {
  const { definition, version } = target;
  const { kind, custom } = definition;
  const schema = (custom ? version : storedVersion(definition)).schema() ?? anything;
  const causes = validateSchema(schema, object, { lenient: custom ? [] : ["status"] });
  const wrong = custom ? [] : causes.filter(({ reason }) => reason === "FieldValueTypeInvalid");
  if (wrong.length > 0) {
    throw unreadable(target, kind, wrong.map(({ field, message }) => `${field}: ${message}`).join(", "));
  }
  return [...metadataFaults(definition, object), ...causes];
}

/**
 * The object after its kind's rules. What was missing before them may be there now; an object without faults stays so. Throws Invalid.
 */
export function applyRules(target: Target, object: KubeObject, rules: (object: KubeObject) => KubeObject): KubeObject {
  const before = shapeFaults(target, object);
  const ruled = rules(object);
  const causes = before.length === 0 ? [] : shapeFaults(target, ruled);
  if (causes.length === 0) return ruled;
  const { kind, group } = target.definition;
  throw invalid(kind, group, object.metadata.name ?? "", causes);
}

function unreadable({ version }: Target, kind: string, why: string): Error {
  return badRequest(`${kind} in version "${version.name}" cannot be handled as a ${kind}: ${why}`);
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
  const apiVersion = apiVersionOf({ group: definition.group, version: version.name });
  const schema = storedVersion(definition).schema();
  const now = timestamp(context.now());
  return updateManagedFields({ schema, before, after, manager, apiVersion, subresource, now });
}
