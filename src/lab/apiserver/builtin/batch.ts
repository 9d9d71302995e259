// The group batch: pods that end.

import { defineGroup, statusOf } from "./define.ts";

export const batch = defineGroup("batch", "v1", [
  {
    kind: "Job",
    categories: ["all"],
    generation: true,
    selectableFields: ["status.successful"],
    subresources: [statusOf("Job")],
  },
  {
    kind: "CronJob",
    shortNames: ["cj"],
    categories: ["all"],
    generation: true,
    olderVersions: ["v1beta1"],
    subresources: [statusOf("CronJob")],
  },
]);
