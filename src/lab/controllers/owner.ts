// Who owns what: references from objects to the one that made them.

import type { Metadata, OwnerReference } from "#kube/object.ts";
import { apiVersionOf, type Resource } from "#kube/resource.ts";

type Something = { readonly metadata: Metadata };

/** The reference to the controller that made an object, if one did. */
export function controllerOf({ metadata }: Something): OwnerReference | undefined {
  return metadata.ownerReferences?.find(({ controller }) => controller === true);
}

/** The reference that an object made by `owner` carries. */
export function referenceTo<T extends Something>(resource: Resource<T>, owner: T): OwnerReference {
  const { name = "", uid = "" } = owner.metadata;
  return {
    apiVersion: apiVersionOf(resource),
    kind: resource.kind,
    name,
    uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}

export function isTerminating({ metadata }: Something): boolean {
  return metadata.deletionTimestamp !== undefined;
}

/** Oldest first; objects of one second in the order of their names, so that plans do not depend on the order of a map. */
export function byAge(a: Something, b: Something): number {
  const [left, right] = [a, b].map(({ metadata }) => `${metadata.creationTimestamp ?? ""} ${metadata.name ?? ""}`);
  return (left ?? "") < (right ?? "") ? -1 : 1;
}
