// The group apiextensions.k8s.io: definitions of further resources.

import { crdRules } from "#lab/apiserver/custom-resources.ts";
import { defineGroup, statusOf } from "./define.ts";

export const apiextensions = defineGroup("apiextensions.k8s.io", "v1", [
  {
    kind: "CustomResourceDefinition",
    shortNames: ["crd", "crds"],
    categories: ["api-extensions"],
    namespaced: false,
    generation: true,
    rules: crdRules,
    subresources: [statusOf("CustomResourceDefinition")],
  },
]);
