// What a controller is: which keys a change touches, and the plan for one key. Both are pure.

import type { Metadata } from "#kube/object.ts";
import { isFree, type Selecting, wouldAdopt } from "./claims.ts";
import type { Operation } from "./operation.ts";
import type { ClusterView, Kind } from "./view.ts";

/** What to do about one key now, and when to look again although nothing changed. */
export type Plan = { readonly operations: readonly Operation[]; readonly againMs?: number | undefined };

export type Controller = {
  readonly name: string;
  /** The keys whose plan an object may change: called with an object as it was and as it is. */
  readonly keys: (kind: Kind, object: { readonly metadata: Metadata }, view: ClusterView) => readonly string[];
  readonly plan: (key: string, view: ClusterView, nowMs: number) => Plan;
};

export const nothing: Plan = { operations: [] };

/**
 * Keys for a controller of one kind that makes objects of another: itself, the owner of what it made, and those who would take what
 * nobody controls.
 */
export function keysOfOwner(kind: Kind, ownerKind: string, made: readonly Kind[]): Controller["keys"] {
  return (changed, object, view) => {
    const { metadata } = object;
    if (changed === kind) return [`${metadata.namespace}/${metadata.name}`];
    if (!made.includes(changed)) return [];
    if (isFree(object)) {
      const owners = [...(view[kind] as ReadonlyMap<string, Selecting>)];
      return owners.flatMap(([key, owner]) => (wouldAdopt(owner, object) ? [key] : []));
    }
    return (metadata.ownerReferences ?? [])
      .filter((reference) => reference.controller === true && reference.kind === ownerKind)
      .map(({ name }) => `${metadata.namespace}/${name}`);
  };
}
