// The order in which objects are loaded: what others need comes first.

import type { Manifest } from "./read.ts";

/** Kinds that others live in, are of, or refer to; all others follow in the order they were given in. */
const firstKinds: readonly string[] = [
  "Namespace",
  "CustomResourceDefinition",
  "ServiceAccount",
  "ClusterRole",
  "ClusterRoleBinding",
  "Role",
  "RoleBinding",
  "ConfigMap",
  "Secret",
  "NetworkPolicy",
  // Before the pods: their environment names the services that are there.
  "Service",
];

export function inOrder(manifests: readonly Manifest[]): readonly Manifest[] {
  const rank = ({ object }: Manifest) => {
    const place = firstKinds.indexOf(object.kind);
    return place < 0 ? firstKinds.length : place;
  };
  return manifests.toSorted((a, b) => rank(a) - rank(b));
}
