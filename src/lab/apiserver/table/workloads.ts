// Lines of what makes pods: Deployments and their like, Jobs, budgets, autoscalers.

import type { CronJob } from "kubernetes-types/batch/v1";
import type { PodTemplateSpec } from "kubernetes-types/core/v1";
import type { LabelSelector } from "kubernetes-types/meta/v1";
import type {
  ControllerRevision,
  DaemonSet,
  Deployment,
  Job,
  PodDisruptionBudget,
  ReplicaSet,
  StatefulSet,
} from "#kube/kinds.ts";
import type { Metadata } from "#kube/object.ts";
import { formatLabelSelector, selectorOf } from "#kube/selector.ts";
import { ageOf, humanDuration } from "./age.ts";
import { list, pairs, type Sheet, sheet } from "./sheet.ts";

function containersOf(template: PodTemplateSpec | undefined): readonly [names: string, images: string] {
  const containers = template?.spec?.containers ?? [];
  return [list(containers.map(({ name }) => name)), list(containers.map(({ image = "" }) => image))];
}

function selectorText(selector: LabelSelector | undefined): string {
  const text = formatLabelSelector(selectorOf(selector ?? {}));
  return text === "" ? "<none>" : text;
}

const wide = ["Containers wide", "Images wide", "Selector wide"];

type HorizontalPodAutoscaler = {
  readonly metadata: Metadata;
  readonly spec?: {
    readonly scaleTargetRef?: { readonly kind: string; readonly name: string };
    readonly minReplicas?: number;
    readonly maxReplicas?: number;
  };
  readonly status?: { readonly currentReplicas?: number };
};

export const workloadSheets: Readonly<Record<string, Sheet>> = {
  "apps/Deployment": sheet<Deployment>(
    ["Name", "Ready", "Up-to-date number", "Available number", "Age", ...wide],
    ({ metadata, spec, status }, now) => [
      metadata.name,
      `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 1}`,
      status?.updatedReplicas ?? 0,
      status?.availableReplicas ?? 0,
      ageOf(metadata.creationTimestamp, now),
      ...containersOf(spec?.template),
      selectorText(spec?.selector),
    ],
  ),
  "apps/ReplicaSet": sheet<ReplicaSet>(
    ["Name", "Desired number", "Current number", "Ready number", "Age", ...wide],
    ({ metadata, spec, status }, now) => [
      metadata.name,
      spec?.replicas ?? 1,
      status?.replicas ?? 0,
      status?.readyReplicas ?? 0,
      ageOf(metadata.creationTimestamp, now),
      ...containersOf(spec?.template),
      selectorText(spec?.selector),
    ],
  ),
  "apps/StatefulSet": sheet<StatefulSet>(
    ["Name", "Ready", "Age", "Containers wide", "Images wide"],
    ({ metadata, spec, status }, now) => [
      metadata.name,
      `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 1}`,
      ageOf(metadata.creationTimestamp, now),
      ...containersOf(spec?.template),
    ],
  ),
  "apps/DaemonSet": sheet<DaemonSet>(
    [
      "Name",
      "Desired number",
      "Current number",
      "Ready number",
      "Up-to-date number",
      "Available number",
      "Node Selector",
      "Age",
      ...wide,
    ],
    ({ metadata, spec, status }, now) => [
      metadata.name,
      status?.desiredNumberScheduled ?? 0,
      status?.currentNumberScheduled ?? 0,
      status?.numberReady ?? 0,
      status?.updatedNumberScheduled ?? 0,
      status?.numberAvailable ?? 0,
      pairs(spec?.template.spec?.nodeSelector),
      ageOf(metadata.creationTimestamp, now),
      ...containersOf(spec?.template),
      selectorText(spec?.selector),
    ],
  ),
  "apps/ControllerRevision": sheet<ControllerRevision>(
    ["Name", "Controller", "Revision number", "Age"],
    ({ metadata, revision }, now) => {
      const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
      const group = owner?.apiVersion.includes("/") === true ? `.${owner.apiVersion.split("/")[0]}` : "";
      const name = owner === undefined ? "<none>" : `${owner.kind.toLowerCase()}${group}/${owner.name}`;
      return [metadata.name, name, revision, ageOf(metadata.creationTimestamp, now)];
    },
  ),
  "batch/Job": sheet<Job>(["Name", "Status", "Completions", "Duration", "Age", ...wide], (job, now) => [
    job.metadata.name,
    jobWord(job),
    `${job.status?.succeeded ?? 0}/${job.spec?.completions ?? `1 of ${job.spec?.parallelism ?? 1}`}`,
    jobDuration(job, now),
    ageOf(job.metadata.creationTimestamp, now),
    ...containersOf(job.spec?.template),
    selectorText(job.spec?.selector),
  ]),
  "batch/CronJob": sheet<CronJob & { metadata: Metadata }>(
    ["Name", "Schedule", "Timezone", "Suspend", "Active number", "Last Schedule", "Age", ...wide],
    ({ metadata, spec, status }, now) => [
      metadata.name,
      spec?.schedule ?? "",
      spec?.timeZone ?? "<none>",
      spec?.suspend === true ? "True" : "False",
      status?.active?.length ?? 0,
      status?.lastScheduleTime === undefined ? "<none>" : ageOf(status.lastScheduleTime, now),
      ageOf(metadata.creationTimestamp, now),
      ...containersOf(spec?.jobTemplate.spec?.template),
      selectorText(spec?.jobTemplate.spec?.selector),
    ],
  ),
  "policy/PodDisruptionBudget": sheet<PodDisruptionBudget>(
    ["Name", "Min Available", "Max Unavailable", "Allowed Disruptions number", "Age"],
    ({ metadata, spec, status }, now) => [
      metadata.name,
      String(spec?.minAvailable ?? "N/A"),
      String(spec?.maxUnavailable ?? "N/A"),
      status?.disruptionsAllowed ?? 0,
      ageOf(metadata.creationTimestamp, now),
    ],
  ),
  "autoscaling/HorizontalPodAutoscaler": sheet<HorizontalPodAutoscaler>(
    ["Name", "Reference", "Targets", "MinPods", "MaxPods number", "Replicas number", "Age"],
    ({ metadata, spec, status }, now) => [
      metadata.name,
      `${spec?.scaleTargetRef?.kind}/${spec?.scaleTargetRef?.name}`,
      "<unknown>",
      String(spec?.minReplicas ?? "<unset>"),
      spec?.maxReplicas ?? 0,
      status?.currentReplicas ?? 0,
      ageOf(metadata.creationTimestamp, now),
    ],
  ),
};

function jobWord({ status, spec }: Job): string {
  const holds = (type: string) =>
    status?.conditions?.some((condition) => condition.type === type && condition.status === "True");
  if (holds("Complete") === true) return "Complete";
  if (holds("Failed") === true) return "Failed";
  return spec?.suspend === true ? "Suspended" : "Running";
}

function jobDuration({ status }: Job, now: number): string {
  if (status?.startTime === undefined) return "";
  const end = status.completionTime === undefined ? now : Date.parse(status.completionTime);
  return humanDuration(end - Date.parse(status.startTime));
}
