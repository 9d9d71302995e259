// ControllerRevisions: the templates that a StatefulSet or a DaemonSet has had, by which its pods are told apart.

import type { ControllerRevision } from "#kube/kinds.ts";
import type { Metadata } from "#kube/object.ts";
import { controllerRevisions, type Resource } from "#kube/resource.ts";
import { isFree } from "./claims.ts";
import { create, type Operation, patch, remove } from "./operation.ts";
import { controllerOf, referenceTo } from "./owner.ts";
import { templateHash } from "./pod-template.ts";

/** The label of a pod that names the revision it was made from. */
export const revisionLabel = "controller-revision-hash";

type Owner = {
  readonly metadata: Metadata;
  readonly spec?: { readonly template?: { readonly metadata?: Metadata }; readonly revisionHistoryLimit?: number };
};

/** The name of the revision that an owner's present template has: what `revisionLabel` and its status carry. */
export function revisionNameOf({ metadata, spec }: Owner): string {
  return `${metadata.name}-${templateHash(spec?.template)}`;
}

function isAt({ metadata }: ControllerRevision, name: string, owner: Owner): boolean {
  return metadata.name === name && metadata.namespace === owner.metadata.namespace;
}

/**
 * Makes the present template's revision, the highest of all, and removes those that no pod has and that are beyond the
 * history's limit. `used` are the names that pods carry.
 */
export function planRevisions<T extends Owner>(
  resource: Resource<T>,
  owner: T,
  all: Iterable<ControllerRevision>,
  used: ReadonlySet<string | undefined>,
): readonly Operation[] {
  const name = revisionNameOf(owner);
  const own = [...all].filter((revision) => controllerOf(revision)?.uid === owner.metadata.uid);
  const current = own.find(({ metadata }) => metadata.name === name);
  const orphan = [...all].find((revision) => isFree(revision) && isAt(revision, name, owner));
  if (current === undefined && orphan !== undefined) {
    const ownerReferences = [...(orphan.metadata.ownerReferences ?? []), referenceTo(resource, owner)];
    const why = `${resource.kind} ${owner.metadata.name} adopts it`;
    return [patch(controllerRevisions, orphan, { metadata: { uid: orphan.metadata.uid, ownerReferences } }, why)];
  }
  const highest = Math.max(0, ...own.map(({ revision }) => revision));
  const old = own
    .filter((revision) => revision !== current && !used.has(revision.metadata.name))
    .sort((a, b) => a.revision - b.revision);
  const surplus = old.slice(0, Math.max(0, old.length - (owner.spec?.revisionHistoryLimit ?? 10)));
  const removals = surplus.map((revision) => remove(controllerRevisions, revision, "beyond the history's limit"));
  if (current !== undefined) {
    const raise =
      current.revision === highest
        ? []
        : [patch(controllerRevisions, current, { revision: highest + 1 }, "current again")];
    return [...raise, ...removals];
  }
  const { namespace = "" } = owner.metadata;
  const revision = {
    // Found by the owner's selector, as its pods are.
    metadata: {
      ...{ name, namespace, ownerReferences: [referenceTo(resource, owner)] },
      labels: { ...owner.spec?.template?.metadata?.labels, [revisionLabel]: name },
    },
    revision: highest + 1,
    // What `kubectl rollout undo` applies as a patch.
    data: { spec: { template: { ...owner.spec?.template, $patch: "replace" } } } as object,
  };
  return [create(controllerRevisions, revision, `revision ${highest + 1}`), ...removals];
}
