// Namespaces: held until they are empty, and labelled with their name so that selectors can name them.

import type { Namespace } from "#kube/kinds.ts";
import { forbidden } from "#kube/kube-error.ts";
import type { KubeObject } from "#kube/object.ts";
import type { Rules } from "#lab/apiserver/registry.ts";

/** Who finalizes: the controller that empties a namespace. */
const finalizer = "kubernetes";
/** Kubernetes documentation, "Automatic labelling" of namespaces. */
const nameLabel = "kubernetes.io/metadata.name";

/** Without these a cluster does not work (NamespaceLifecycle, "immortal namespaces"). */
const immortal = ["default", "kube-system", "kube-public"];

export const namespaceRules: Rules = {
  prepareCreate: (object) => {
    const namespace = object as Namespace;
    return labelled({
      ...namespace,
      spec: { ...namespace.spec, finalizers: [finalizer] },
      status: { phase: "Active" },
    });
  },
  admitDelete: ({ metadata: { name = "" } }) => {
    if (!immortal.includes(name)) return;
    throw forbidden({ group: "", plural: "namespaces" }, name, "this namespace may not be deleted");
  },
  // What holds a namespace goes through `/finalize` only.
  prepareUpdate: (object, old, { subresource }) =>
    labelled((subresource === "finalize" ? object : { ...object, spec: old["spec"] }) as Namespace),
};

function labelled(namespace: Namespace): KubeObject {
  const { metadata } = namespace;
  return { ...namespace, metadata: { ...metadata, labels: { ...metadata.labels, [nameLabel]: metadata.name } } };
}
