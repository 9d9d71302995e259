// Taking on what nobody controls and letting go what is not meant any more: an owner's objects are those that its selector finds.

import type { Metadata } from "#kube/object.ts";
import type { Resource } from "#kube/resource.ts";
import { type LabelSelectorObject, matchesLabels, selectorOf } from "#kube/selector.ts";
import { type Operation, patch } from "./operation.ts";
import { controllerOf, isTerminating, referenceTo } from "./owner.ts";

type Something = { readonly metadata: Metadata };
export type Selecting = Something & { readonly spec?: { readonly selector?: LabelSelectorObject | undefined } };

export type Claimed<O, T> = {
  readonly ownerResource: Resource<O>;
  readonly owner: O;
  readonly resource: Resource<T>;
  /** What refers to the owner as its controller. */
  readonly owned: readonly T[];
  /** What has no controller, in the owner's namespace. */
  readonly orphans: readonly T[];
};

/**
 * References to make and to remove before anything else is planned (Kubernetes documentation, "ReplicaSet", non-template pod
 * acquisitions, isolating pods from a ReplicaSet).
 */
export function planClaims<O extends Selecting, T extends Something>(claimed: Claimed<O, T>): readonly Operation[] {
  const { ownerResource, owner, resource, owned, orphans } = claimed;
  const adopted = orphans.filter((object) => !isTerminating(object) && selects(owner, object));
  const released = owned.filter((object) => !isTerminating(object) && !selects(owner, object));
  return [
    ...adopted.map((object) => {
      const ownerReferences = [...(object.metadata.ownerReferences ?? []), referenceTo(ownerResource, owner)];
      return refer(resource, object, ownerReferences, `${ownerResource.kind} ${owner.metadata.name} adopts it`);
    }),
    ...released.map((object) => {
      const { ownerReferences = [] } = object.metadata;
      const others = ownerReferences.filter(({ uid }) => uid !== owner.metadata.uid);
      return refer(resource, object, others, `${ownerResource.kind} ${owner.metadata.name} releases it`);
    }),
  ];
}

/** Whether an object is one that an owner would take: nobody controls it, and it is selected. */
export function wouldAdopt(owner: Selecting, object: Something): boolean {
  return owner.metadata.namespace === object.metadata.namespace && isFree(object) && selects(owner, object);
}

export function isFree(object: Something): boolean {
  return controllerOf(object) === undefined;
}

/** An owner without a selector means nothing, not everything. */
function selects({ spec }: Selecting, { metadata }: Something): boolean {
  const selector = selectorOf(spec?.selector ?? {});
  return selector.length > 0 && matchesLabels(selector, metadata.labels);
}

/** The uid makes sure that it is this object, not one that came after it. */
function refer<T extends Something>(
  resource: Resource<T>,
  object: T,
  ownerReferences: readonly object[],
  why: string,
): Operation {
  return patch(resource, object, { metadata: { uid: object.metadata.uid, ownerReferences } }, why);
}
