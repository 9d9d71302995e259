// POST of an object to its collection.

import { alreadyExists, badRequest, forbidden, invalid, kubeError, notFound } from "#kube/kube-error.ts";
import type { KubeObject } from "#kube/object.ts";
import { type ApiContext, ruleContext } from "#lab/apiserver/context.ts";
import { keyOf } from "#lab/apiserver/keys.ts";
import { newMetadata } from "#lab/apiserver/metadata.ts";
import type { WriteQuery } from "#lab/apiserver/query.ts";
import { findSubresource } from "#lab/apiserver/registry.ts";
import { isStoreError } from "#lab/apiserver/store/store-error.ts";
import { type Target, toStored } from "#lab/apiserver/target.ts";
import { checkKind } from "./facet.ts";
import { applyRules, takeIn, type Written, withManagers } from "./intake.ts";

/** Creates an object. Throws AlreadyExists, Invalid, BadRequest, NotFound or Forbidden. */
export function createObject(context: ApiContext, target: Target, sent: KubeObject, query: WriteQuery): Written {
  const { definition, request } = target;
  checkKind(target, sent);
  const { object: draft, warnings } = takeIn(target, sent, query);
  const namespace = namespaceOf(target, draft);
  if (draft.metadata.resourceVersion !== undefined && draft.metadata.resourceVersion !== "") {
    throw badRequest("resourceVersion should not be set on objects to be created");
  }
  if (namespace !== undefined) checkNamespace(context, target, namespace, draft.metadata.name ?? "");
  const metadata = newMetadata(context, definition, draft.metadata, namespace);
  const rules = definition.rules.prepareCreate;
  const { status, ...rest } = toStored(target, draft);
  const keepsStatus = definition.rules.keepsStatus === true || findSubresource(definition, "status") === undefined;
  const prepared: KubeObject = { ...rest, ...(keepsStatus && status !== undefined ? { status } : {}), metadata };
  const by = ruleContext(context, request.user, "");
  const ruled = applyRules(target, prepared, (fresh) => rules?.(fresh, by) ?? fresh);
  const object = withManagers(context, target, query, undefined, ruled);
  const { name = "" } = metadata;
  const causes = definition.rules.validate?.(object, undefined) ?? [];
  if (causes.length > 0) throw invalid(definition.kind, definition.group, name, causes);
  definition.rules.admit?.(object, undefined, by);
  const key = keyOf(definition, namespace, name);
  if (query.dryRun) {
    if (context.store.get(key) !== undefined) throw alreadyExists(definition, name);
    return { object, warnings, created: true };
  }
  try {
    return { object: context.store.create(key, object).object, warnings, created: true };
  } catch (error) {
    if (!isStoreError(error, "exists")) throw error;
    // A generated name that is taken is the server's bad luck: the client shall try again.
    if ((draft.metadata.name ?? "") !== "") throw alreadyExists(definition, name);
    throw kubeError("AlreadyExists", `the server was not able to generate a unique name for the object "${name}"`);
  }
}

/** The namespace of the path, which the body may repeat. */
export function namespaceOf({ definition, namespace }: Target, { metadata }: KubeObject): string | undefined {
  const own = metadata.namespace ?? "";
  if (!definition.namespaced) {
    if (own === "") return undefined;
    throw badRequest(`namespace: Invalid value: "${own}": a ${definition.kind} belongs to no namespace`);
  }
  if (namespace === undefined) throw badRequest("an empty namespace may not be set during creation");
  if (own === "" || own === namespace) return namespace;
  throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
}

/** Nothing new comes into a namespace that is not there, or on its way out. */
function checkNamespace(context: ApiContext, { definition }: Target, namespace: string, name: string): void {
  const stored = context.store.get(keyOf({ group: "", plural: "namespaces" }, undefined, namespace));
  if (stored === undefined) throw notFound({ group: "", plural: "namespaces" }, namespace);
  if (stored.object.metadata.deletionTimestamp === undefined) return;
  const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
  const { status } = forbidden(definition, name, why);
  throw kubeError("Forbidden", status.message ?? why, {
    ...status.details,
    causes: [
      {
        reason: "NamespaceTerminating",
        message: `namespace ${namespace} is being terminated`,
        field: "metadata.namespace",
      },
    ],
  });
}
