// Garbage collection: what goes when its owner goes, and what an owner's removal waits for.

import type { OwnerReference } from "#kube/object.ts";
import type { Census, Entry } from "./census.ts";

const foregroundFinalizer = "foregroundDeletion";
const orphanFinalizer = "orphan";

/** A step of the collection, and why. */
export type Collection =
  | { readonly do: "remove"; readonly entry: Entry; readonly policy: "Background" | "Foreground"; readonly why: string }
  | { readonly do: "release"; readonly entry: Entry; readonly owner: string; readonly why: string }
  | { readonly do: "unblock"; readonly entry: Entry; readonly finalizer: string; readonly why: string }
  /** The owner is not in the census: only the API server can say that it is really gone. */
  | { readonly do: "verify"; readonly entry: Entry; readonly owners: readonly OwnerReference[]; readonly why: string };

/** What one object's state asks for (Kubernetes documentation, "Garbage Collection"). */
export function planObject(entry: Entry, census: Census): readonly Collection[] {
  if (entry.terminating) return finish(entry, census);
  if (entry.owners.length === 0) return [];
  const there = entry.owners.filter(({ uid }) => census.get(uid) !== undefined);
  if (there.length === 0) return [{ do: "verify", entry, owners: entry.owners, why: "no owner is there" }];
  return [];
}

/** What an object that is on its way out asks of its dependents. */
function finish(entry: Entry, census: Census): readonly Collection[] {
  const dependents = census.dependentsOf(entry.uid);
  const why = `${entry.resource.kind} ${entry.name} is removed`;
  if (entry.finalizers.includes(orphanFinalizer)) {
    return dependents.length > 0
      ? dependents.map((dependent) => ({ do: "release", entry: dependent, owner: entry.uid, why }) as const)
      : [{ do: "unblock", entry, finalizer: orphanFinalizer, why: "all dependents are released" }];
  }
  if (!entry.finalizers.includes(foregroundFinalizer)) return [];
  const blocking = dependents.filter((dependent) =>
    dependent.owners.some(({ uid, blockOwnerDeletion }) => uid === entry.uid && blockOwnerDeletion === true),
  );
  if (blocking.length === 0) {
    return [{ do: "unblock", entry, finalizer: foregroundFinalizer, why: "no dependent blocks it" }];
  }
  return dependents
    .filter(({ terminating }) => !terminating)
    .map((dependent) => ({ do: "remove", entry: dependent, policy: "Foreground", why }) as const);
}

/**
 * Who is looked at again when an object came, changed or went: itself, its dependents, and the owners that wait for it, also one that it
 * had before.
 */
export function touchedBy(entry: Entry, census: Census, before?: Entry): readonly string[] {
  const owners = [...(before?.owners ?? []), ...entry.owners].map(({ uid }) => uid);
  return [entry.uid, ...census.dependentsOf(entry.uid).map(({ uid }) => uid), ...owners];
}
