// The groups policy, coordination.k8s.io, scheduling.k8s.io and storage.k8s.io.

import { defineGroup, statusOf } from "./define.ts";

export const policy = defineGroup("policy", "v1", [
  {
    kind: "PodDisruptionBudget",
    shortNames: ["pdb"],
    generation: true,
    olderVersions: ["v1beta1"],
    subresources: [statusOf("PodDisruptionBudget")],
  },
]);

export const coordination = defineGroup("coordination.k8s.io", "v1", [{ kind: "Lease" }]);

export const scheduling = defineGroup("scheduling.k8s.io", "v1", [
  { kind: "PriorityClass", plural: "priorityclasses", shortNames: ["pc"], namespaced: false, generation: true },
]);

export const storage = defineGroup("storage.k8s.io", "v1", [
  { kind: "StorageClass", plural: "storageclasses", shortNames: ["sc"], namespaced: false },
]);

export const autoscaling = defineGroup("autoscaling", "v2", [
  {
    kind: "HorizontalPodAutoscaler",
    shortNames: ["hpa"],
    categories: ["all"],
    subresources: [statusOf("HorizontalPodAutoscaler")],
  },
]);
