// Jobs: pods that run to their end, as often as asked for.

import type { Job, Pod } from "#kube/kinds.ts";
import { jobs, pods } from "#kube/resource.ts";
import { timestamp } from "#kube/time.ts";
import { type Controller, keysOfOwner, nothing, type Plan } from "./controller.ts";
import { create, type Operation, remove, reportStatus } from "./operation.ts";
import { isTerminating } from "./owner.ts";
import { isActive, isReady } from "./pod-state.ts";
import { podFrom } from "./pod-template.ts";

export const jobController: Controller = {
  name: "job",
  keys: keysOfOwner("jobs", "Job", ["pods"]),
  plan: (key, view, nowMs) => {
    const job = view.jobs.get(key);
    return job === undefined || isTerminating(job) ? nothing : planJob(job, view.podsOf(job.metadata.uid), nowMs);
  },
};

const indexAnnotation = "batch.kubernetes.io/job-completion-index";

/** The pods to start or stop now, and the status; a finished job is removed when its time to live is over. */
export function planJob(job: Job, owned: readonly Pod[], nowMs: number): Plan {
  const done = job.status?.conditions?.find(
    ({ type, status }) => status === "True" && (type === "Complete" || type === "Failed"),
  );
  if (done !== undefined) return expire(job, Date.parse(done.lastTransitionTime ?? ""), nowMs);
  const active = owned.filter(isActive);
  const succeeded = owned.filter((pod) => pod.status?.phase === "Succeeded");
  const failed = owned.filter((pod) => pod.status?.phase === "Failed").length;
  const startedMs = Date.parse(job.status?.startTime ?? timestamp(nowMs));
  const deadlineMs =
    job.spec?.activeDeadlineSeconds === undefined ? Infinity : startedMs + job.spec.activeDeadlineSeconds * 1000;
  const finished = outcome(job, active.length, succeededCount(job, succeeded), failed, nowMs >= deadlineMs);

  const scaling =
    finished !== undefined || job.spec?.suspend === true
      ? active.map((pod) => remove(pods, pod, finished?.reason ?? "suspended"))
      : scale(job, owned, active, succeeded);
  const status = {
    startTime: timestamp(startedMs),
    active: finished === undefined ? active.length : 0,
    ready: finished === undefined ? active.filter(isReady).length : 0,
    succeeded: succeededCount(job, succeeded),
    failed,
    ...(finished === undefined ? {} : { conditions: [conditionOf(finished, nowMs)] }),
    ...(finished?.type === "Complete" ? { completionTime: timestamp(nowMs) } : {}),
  };
  const why = finished?.reason ?? `${succeeded.length} succeeded, ${active.length} active`;
  const againMs = finished === undefined && deadlineMs !== Infinity ? deadlineMs - nowMs : undefined;
  return { operations: [...scaling, ...reportStatus(jobs, job, status, why)], againMs };
}

type Outcome = { readonly type: "Complete" | "Failed"; readonly reason: string; readonly message: string };

function outcome(job: Job, active: number, succeeded: number, failed: number, late: boolean): Outcome | undefined {
  if (failed > (job.spec?.backoffLimit ?? 6)) {
    return { type: "Failed", reason: "BackoffLimitExceeded", message: "Job has reached the specified backoff limit" };
  }
  if (late)
    return { type: "Failed", reason: "DeadlineExceeded", message: "Job was active longer than specified deadline" };
  const { completions } = job.spec ?? {};
  // Without a number of completions, the job is done when one pod has succeeded and the others have ended.
  const complete = completions === undefined ? succeeded > 0 && active === 0 : succeeded >= completions;
  return complete
    ? { type: "Complete", reason: "CompletionsReached", message: "Reached expected number of succeeded pods" }
    : undefined;
}

function scale(
  job: Job,
  owned: readonly Pod[],
  active: readonly Pod[],
  succeeded: readonly Pod[],
): readonly Operation[] {
  const parallelism = job.spec?.parallelism ?? 1;
  const left =
    job.spec?.completions === undefined
      ? succeeded.length > 0
        ? active.length
        : parallelism
      : job.spec.completions - succeededCount(job, succeeded);
  const wanted = Math.min(parallelism, left);
  const why = `${active.length} of ${wanted} run`;
  if (active.length > wanted) return active.slice(wanted).map((pod) => remove(pods, pod, why));
  if (job.spec?.completionMode !== "Indexed") {
    return Array.from({ length: wanted - active.length }, () => create(pods, podOf(job), why));
  }
  const taken = new Set([...owned.filter(isActive), ...succeeded].map(indexOf));
  const free = Array.from({ length: job.spec?.completions ?? 0 }, (_, index) => String(index)).filter(
    (index) => !taken.has(index),
  );
  return free.slice(0, wanted - active.length).map((index) => create(pods, podOf(job, index), `index ${index}`));
}

/** Of an indexed job, indexes count and not pods. */
function succeededCount(job: Job, succeeded: readonly Pod[]): number {
  return job.spec?.completionMode === "Indexed" ? new Set(succeeded.map(indexOf)).size : succeeded.length;
}

function indexOf({ metadata }: Pod): string | undefined {
  return metadata.annotations?.[indexAnnotation];
}

function podOf(job: Job, index?: string) {
  const template = job.spec?.template ?? {};
  const labels = { "batch.kubernetes.io/job-name": job.metadata.name, "job-name": job.metadata.name };
  if (index === undefined || template.spec === undefined) return podFrom(jobs, job, template, { labels });
  const env = { name: "JOB_COMPLETION_INDEX", value: index };
  const containers = template.spec.containers.map((container) => ({
    ...container,
    env: [...(container.env ?? []), env],
  }));
  const indexed = { ...template, spec: { ...template.spec, containers } };
  return podFrom(jobs, job, indexed, {
    labels: { ...labels, [indexAnnotation]: index },
    annotations: { [indexAnnotation]: index },
  });
}

function expire(job: Job, endedMs: number, nowMs: number): Plan {
  const { ttlSecondsAfterFinished } = job.spec ?? {};
  if (ttlSecondsAfterFinished === undefined) return nothing;
  const leftMs = endedMs + ttlSecondsAfterFinished * 1000 - nowMs;
  if (leftMs > 0) return { operations: [], againMs: leftMs };
  const why = `finished ${ttlSecondsAfterFinished} s ago`;
  return { operations: [remove(jobs, job, why, { propagationPolicy: "Background" })] };
}

function conditionOf(outcome: Outcome, nowMs: number) {
  const now = timestamp(nowMs);
  return { ...outcome, status: "True", lastProbeTime: now, lastTransitionTime: now };
}
