// How a Job goes from its first pod to its end.

import { describe, expect, test } from "bun:test";
import type { JobSpec } from "kubernetes-types/batch/v1";
import type { Job, Pod } from "#kube/kinds.ts";
import { longAgo, nowMs, podNamed } from "#test/lab/objects.ts";
import { planJob } from "./job.ts";

function jobOf(spec: Partial<JobSpec>, status: Job["status"] = { startTime: longAgo }): Job {
  const template = { spec: { containers: [{ name: "c" }] } };
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { namespace: "shop", name: "once", uid: "uid-once" },
    spec: { template, ...spec },
    status,
  };
}

/** `r` runs, `s` succeeded, `f` failed; a digit after it is its index. */
function podsOf(text: string): readonly Pod[] {
  const phases = { r: "Running", s: "Succeeded", f: "Failed" } as const;
  return text
    .split(" ")
    .filter((word) => word !== "")
    .map((word, number) => {
      const annotations = word.length > 1 ? { "batch.kubernetes.io/job-completion-index": word.slice(1) } : {};
      return podNamed(`p${number}`, { phase: phases[word[0] as keyof typeof phases], metadata: { annotations } });
    });
}

function show(spec: Partial<JobSpec>, pods: string, status?: Job["status"]): readonly string[] {
  return planJob(jobOf(spec, status), podsOf(pods), nowMs).operations.map((operation) => {
    if (operation.do === "create") return `create (${operation.why})`;
    if (operation.do === "remove") return `remove ${operation.place.name}`;
    const { conditions } = (operation.patch as { status: NonNullable<Job["status"]> }).status;
    return conditions === undefined ? "status" : `${conditions[0]?.type}: ${conditions[0]?.reason}`;
  });
}

describe("planJob()", () => {
  const indexed = { completionMode: "Indexed", completions: 3, parallelism: 2 };
  const rows: readonly (readonly [what: string, spec: Partial<JobSpec>, pods: string, lines: readonly string[]])[] = [
    [
      "starts as many as may run",
      { completions: 3, parallelism: 2 },
      "",
      ["create (0 of 2 run)", "create (0 of 2 run)", "status"],
    ],
    ["starts the next when one is done", { completions: 3, parallelism: 2 }, "s r", ["create (1 of 2 run)", "status"]],
    ["starts no more than are left", { completions: 3, parallelism: 2 }, "s s r", ["status"]],
    ["is complete then", { completions: 3, parallelism: 2 }, "s s s", ["Complete: CompletionsReached"]],
    ["tries again after a failure", { completions: 1 }, "f", ["create (0 of 1 run)", "status"]],
    [
      "gives up after too many",
      { completions: 1, backoffLimit: 1 },
      "f f r",
      ["remove p2", "Failed: BackoffLimitExceeded"],
    ],
    [
      "gives up when it is late",
      { completions: 1, activeDeadlineSeconds: 60 },
      "r",
      ["remove p0", "Failed: DeadlineExceeded"],
    ],
    ["stops when it is suspended", { completions: 1, suspend: true }, "r", ["remove p0", "status"]],
    ["stops what is too much", { completions: 5, parallelism: 1 }, "r r", ["remove p1", "status"]],
    ["as a queue of workers ends when all have ended", { parallelism: 2 }, "s s", ["Complete: CompletionsReached"]],
    ["as a queue of workers starts no more when one has succeeded", { parallelism: 2 }, "s r", ["status"]],
    ["gives each pod an index", indexed, "", ["create (index 0)", "create (index 1)", "status"]],
    ["gives an index again whose pod failed", indexed, "s0 f1", ["create (index 1)", "create (index 2)", "status"]],
    ["is complete when each index is", indexed, "s0 s1 s2", ["Complete: CompletionsReached"]],
  ];
  for (const [what, spec, pods, lines] of rows) test(what, () => expect(show(spec, pods)).toEqual([...lines]));

  const finished = {
    startTime: longAgo,
    conditions: [{ type: "Complete", status: "True", lastTransitionTime: "2026-01-01T00:09:00Z" }],
  };

  test("goes when it has been finished for long enough, and not before", () => {
    expect(show({ ttlSecondsAfterFinished: 30 }, "s", finished)).toEqual(["remove once"]);
    expect(planJob(jobOf({ ttlSecondsAfterFinished: 90 }, finished), [], nowMs)).toEqual({
      operations: [],
      againMs: 30_000,
    });
    expect(show({}, "s", finished)).toEqual([]);
  });
});
