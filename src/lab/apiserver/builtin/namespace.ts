// Rules of namespaces: held until their contents are gone, and labelled with their own name.

import type { KubeObject } from "#kube/object.ts";
import type { Rules } from "#lab/apiserver/registry.ts";
import { isFields } from "#lab/apiserver/schema/json.ts";

/** Names a namespace for selectors (Kubernetes documentation, "Automatic labelling"). */
const nameLabel = "kubernetes.io/metadata.name";

function withNameLabel(object: KubeObject): KubeObject {
  const { name = "", labels } = object.metadata;
  return { ...object, metadata: { ...object.metadata, labels: { ...labels, [nameLabel]: name } } };
}

export const namespaceRules: Rules = {
  prepareCreate: (object) => ({
    ...withNameLabel(object),
    spec: { ...(isFields(object["spec"]) ? object["spec"] : {}), finalizers: ["kubernetes"] },
    status: { phase: "Active" },
  }),
  // What holds a namespace goes through `/finalize` only.
  prepareUpdate: (object, old, { subresource }) =>
    withNameLabel(subresource === "finalize" ? object : { ...object, spec: old["spec"] }),
};
