// The faces of an object: itself, its status, its scale and others; each is read and written on its own.

import { badRequest } from "#kube/kube-error.ts";
import type { KubeObject } from "#kube/object.ts";
import { apiVersionOf } from "#kube/resource.ts";
import type { ObjectKind } from "#lab/apiserver/body.ts";
import { changedMetadata } from "#lab/apiserver/metadata.ts";
import { findSubresource } from "#lab/apiserver/registry.ts";
import { type Fields, isFields } from "#lab/apiserver/schema/json.ts";
import { apiVersionOfTarget, fromStored, type Target, toStored } from "#lab/apiserver/target.ts";
import { scaleOf, withScale } from "./scale.ts";

export type Facet = {
  /** What clients see of a stored object. */
  readonly show: (target: Target, stored: KubeObject) => KubeObject;
  /** The stored object as it becomes when a client wants this of the face. */
  readonly merge: (target: Target, live: KubeObject, wanted: KubeObject) => KubeObject;
};

const facets: Readonly<Record<string, Facet>> = {
  "": { show: fromStored, merge: mergeObject },
  status: { show: fromStored, merge: mergeStatus },
  scale: { show: scaleOf, merge: withScale },
  finalize: { show: fromStored, merge: (target, live, wanted) => mergeSpecField(target, live, wanted, "finalizers") },
  ephemeralcontainers: {
    show: fromStored,
    merge: (target, live, wanted) => mergeSpecField(target, live, wanted, "ephemeralContainers"),
  },
};

/** The face that a request is about; undefined for subresources that are actions, such as a binding. */
export function facetOf({ subresource }: Target): Facet | undefined {
  return facets[subresource];
}

/** What a body of this path is when it does not say so: clients with types of their own leave it out, for built-in kinds. */
export function impliedKind(target: Target): Partial<ObjectKind> {
  const { definition, subresource } = target;
  if (definition.custom) return {};
  const { kind = definition.kind, group, version = "" } = findSubresource(definition, subresource) ?? {};
  return { apiVersion: group === undefined ? apiVersionOfTarget(target) : apiVersionOf({ group, version }), kind };
}

/** Throws BadRequest when the body is of another kind or version than what the path names. */
export function checkKind(target: Target, { apiVersion, kind }: KubeObject): void {
  const own = findSubresource(target.definition, target.subresource);
  const expected = apiVersionOfTarget(target);
  // Kinds of another group travel in any version of it: older clients evict by policy/v1beta1.
  const fits = own?.group === undefined ? apiVersion === expected : apiVersion.startsWith(`${own.group}/`);
  if (!fits) {
    throw badRequest(
      `the API version in the data (${apiVersion}) does not match the expected API version (${expected})`,
    );
  }
  const expectedKind = own?.kind ?? target.definition.kind;
  if (kind !== expectedKind) {
    throw badRequest(`the kind in the data (${kind}) does not match the expected kind (${expectedKind})`);
  }
}

/** The status stays as it is where it has a subresource of its own (API conventions, "Spec and Status"). */
function mergeObject(target: Target, live: KubeObject, wanted: KubeObject): KubeObject {
  const { definition } = target;
  const object = toStored(target, wanted);
  const changed = { ...object, metadata: changedMetadata(definition, wanted.metadata, live.metadata) };
  return findSubresource(definition, "status") === undefined ? changed : withField(changed, "status", live["status"]);
}

function mergeStatus(target: Target, live: KubeObject, wanted: KubeObject): KubeObject {
  const { definition } = target;
  const { labels, annotations, managedFields } = changedMetadata(definition, wanted.metadata, live.metadata);
  // Labels and annotations may change along with the status of built-in kinds, but not with that of custom ones.
  const along = definition.custom ? { managedFields } : { labels, annotations, managedFields };
  const there = Object.entries(along).filter(([, value]) => value !== undefined);
  const metadata = { ...live.metadata, ...Object.fromEntries(there) };
  return withField({ ...live, metadata }, "status", toStored(target, wanted)["status"]);
}

function mergeSpecField(target: Target, live: KubeObject, wanted: KubeObject, field: string): KubeObject {
  changedMetadata(target.definition, wanted.metadata, live.metadata);
  return { ...live, spec: withField(fieldsOf(live["spec"]), field, fieldsOf(wanted["spec"])[field]) };
}

function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {};
}

/** The object with a field, or without it when there is no value. */
function withField<T extends Fields>(object: T, field: string, value: unknown): T {
  const { [field]: _old, ...rest } = object;
  return (value === undefined ? rest : { ...rest, [field]: value }) as T;
}
