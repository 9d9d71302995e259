// The group apps: what keeps pods running.

import { defineGroup, scale, statusOf } from "./define.ts";

export const apps = defineGroup("apps", "v1", [
  {
    kind: "Deployment",
    shortNames: ["deploy"],
    categories: ["all"],
    generation: true,
    subresources: [statusOf("Deployment"), scale],
  },
  {
    kind: "ReplicaSet",
    shortNames: ["rs"],
    categories: ["all"],
    generation: true,
    selectableFields: ["status.replicas"],
    subresources: [statusOf("ReplicaSet"), scale],
  },
  {
    kind: "StatefulSet",
    shortNames: ["sts"],
    categories: ["all"],
    generation: true,
    subresources: [statusOf("StatefulSet"), scale],
  },
  {
    kind: "DaemonSet",
    shortNames: ["ds"],
    categories: ["all"],
    generation: true,
    subresources: [statusOf("DaemonSet")],
  },
  { kind: "ControllerRevision" },
]);
