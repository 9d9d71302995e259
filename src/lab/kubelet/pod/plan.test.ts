// Plans as text: pods in every state, and what to do about their containers.
import { describe, expect, test } from "bun:test";
import type { Container, PodSpec } from "kubernetes-types/core/v1";
import type { Instance } from "#lab/kubelet/runtime/instance.ts";
import { pod, run, runs, startMs } from "#test/lab-pod.ts";
import { type ContainerFacts, planPod } from "./plan.ts";

/** A plan as text: `start c#1, kill d, wait e 10s, Failed`. */
function show(spec: Partial<PodSpec>, all: readonly Instance[], more: Partial<ContainerFacts> = {}): string {
  const facts = {
    instances: runs(...all),
    backoffs: new Map(),
    started: new Set<string>(),
    unhealthy: new Map(),
    ...more,
  };
  const { steps, waiting, finished } = planPod(pod(spec), facts, startMs);
  return [
    ...steps.map((step) =>
      step.do === "start" ? `start ${step.container}#${step.attempt}` : `kill ${step.container}`,
    ),
    ...[...waiting].map(([name, ms]) => `wait ${name} ${ms / 1000}s`),
    ...(finished === undefined ? [] : [finished]),
  ].join(", ");
}

const [a, b]: readonly [Container, Container] = [{ name: "a" }, { name: "b" }];
const [i, j]: readonly [Container, Container] = [{ name: "i" }, { name: "j" }];
const side: Container = { name: "s", restartPolicy: "Always" };

describe("planPod()", () => {
  const rows: readonly (readonly [what: string, spec: Partial<PodSpec>, all: readonly Instance[], plan: string])[] = [
    ["starts all containers", { containers: [a, b] }, [], "start a#0, start b#0"],
    ["leaves what runs", { containers: [a] }, [run("a", "running")], ""],
    [
      "starts what is put beside others",
      { containers: [a], ephemeralContainers: [{ name: "debugger" }] },
      [run("a", "running")],
      "start debugger#0",
    ],
    [
      "runs what is put beside others once",
      { containers: [a], ephemeralContainers: [{ name: "debugger" }] },
      [run("a", "running"), run("debugger", 1)],
      "",
    ],
    [
      "puts nothing beside what is over",
      { containers: [a], restartPolicy: "Never", ephemeralContainers: [{ name: "debugger" }] },
      [run("a", 0)],
      "Succeeded",
    ],
    ["restarts what failed", { containers: [a] }, [run("a", 1)], "start a#1"],
    ["restarts what succeeded, by Always", { containers: [a] }, [run("a", 0, 3)], "start a#4"],
    [
      "OnFailure lets success be",
      { containers: [a, b], restartPolicy: "OnFailure" },
      [run("a", 0), run("b", 2)],
      "start b#1",
    ],
    [
      "OnFailure succeeds when all have",
      { containers: [a, b], restartPolicy: "OnFailure" },
      [run("a", 0), run("b", 0)],
      "Succeeded",
    ],
    [
      "Never waits for the others",
      { containers: [a, b], restartPolicy: "Never" },
      [run("a", 1), run("b", "running")],
      "",
    ],
    ["Never fails when one has", { containers: [a, b], restartPolicy: "Never" }, [run("a", 1), run("b", 0)], "Failed"],
    ["begins with the first init container", { initContainers: [i, j], containers: [a] }, [], "start i#0"],
    ["waits for an init container", { initContainers: [i, j], containers: [a] }, [run("i", "running")], ""],
    ["goes on to the next init container", { initContainers: [i, j], containers: [a] }, [run("i", 0)], "start j#0"],
    [
      "starts after all init containers",
      { initContainers: [i, j], containers: [a] },
      [run("i", 0), run("j", 0)],
      "start a#0",
    ],
    ["tries a failed init container again", { initContainers: [i], containers: [a] }, [run("i", 1)], "start i#1"],
    [
      "Never fails with its init container",
      { initContainers: [i], containers: [a], restartPolicy: "Never" },
      [run("i", 1)],
      "Failed",
    ],
    ["init containers never run again", { initContainers: [i], containers: [a] }, [run("a", 1)], "start a#1"],
    ["starts a sidecar first", { initContainers: [side], containers: [a] }, [], "start s#0"],
    ["waits for a sidecar to have started", { initContainers: [side], containers: [a] }, [run("s", "running")], ""],
    [
      "restarts a sidecar",
      { initContainers: [side], containers: [a] },
      [run("s", 0), run("a", "running")],
      "start s#1",
    ],
    [
      "ends sidecars after the containers",
      { initContainers: [side], containers: [a], restartPolicy: "Never" },
      [run("s", "running"), run("a", 0)],
      "kill s, Succeeded",
    ],
    [
      "does not restart a sidecar of a pod that is over",
      { initContainers: [side], containers: [a], restartPolicy: "Never" },
      [run("s", 143), run("a", 0)],
      "Succeeded",
    ],
  ];
  for (const [what, spec, all, plan] of rows) test(what, () => expect(show(spec, all)).toBe(plan));

  test("goes on when a sidecar has started", () => {
    const started = new Set(["s"]);
    expect(show({ initContainers: [side], containers: [a] }, [run("s", "running")], { started })).toBe("start a#0");
  });

  test("waits in back-off, and says how long", () => {
    const backoffs = new Map([["a", { delayMs: 10_000 }]]);
    expect(show({ containers: [a] }, [run("a", 1, 1)], { backoffs })).toBe("wait a 10s");
  });

  test("ends what its probe calls unhealthy", () => {
    const unhealthy = new Map([["a", "failed liveness probe"]]);
    expect(show({ containers: [a, b] }, [run("a", "running"), run("b", "running")], { unhealthy })).toBe("kill a");
  });
});
