// Statuses as kubectl would show them.
import { describe, expect, test } from "bun:test";
import type { PodSpec, PodStatus } from "kubernetes-types/core/v1";
import { ip } from "#net/ip.ts";
import { pod, run, runs, startText } from "#test/lab-pod.ts";
import { type PodFacts, podStatus } from "./status.ts";

const laterText = "2026-01-02T04:00:00Z";

function facts(more: Partial<PodFacts>): PodFacts {
  return {
    ...{ instances: new Map(), backoffs: new Map(), started: new Set(), unhealthy: new Map(), ready: new Map() },
    ...{ waiting: new Map(), hostIps: [ip("172.30.0.11")], startTime: startText, finished: undefined },
    sandbox: { ready: true, ips: [ip("10.244.1.2"), ip("fd00:10:244:1::2")] },
    ...more,
  };
}

/** What `kubectl get pods` makes of it: `Running 1/2 Ready=False ContainersNotReady | a:running b:waiting(x)`. */
function show({ phase, conditions = [], containerStatuses = [] }: PodStatus): string {
  const ready = conditions.find(({ type }) => type === "Ready");
  const states = containerStatuses.map(({ name, state = {}, restartCount }) => {
    const { waiting, running, terminated } = state;
    const word =
      running !== undefined ? "running" : (waiting?.reason ?? `${terminated?.reason}(${terminated?.exitCode})`);
    return `${name}:${word}${restartCount > 0 ? `#${restartCount}` : ""}`;
  });
  return `${phase} Ready=${ready?.status}${ready?.reason === undefined ? "" : ` ${ready.reason}`} | ${states.join(" ")}`;
}

describe("podStatus()", () => {
  const two: Partial<PodSpec> = { containers: [{ name: "a" }, { name: "b" }] };
  const init: Partial<PodSpec> = { initContainers: [{ name: "i" }], containers: [{ name: "a" }] };
  const rows: readonly (readonly [what: string, spec: Partial<PodSpec>, facts: Partial<PodFacts>, text: string])[] = [
    ["a new pod", {}, { sandbox: undefined }, "Pending Ready=False ContainersNotReady | c:ContainerCreating"],
    [
      "behind init containers",
      init,
      { instances: runs(run("i", "running")) },
      "Pending Ready=False ContainersNotReady | a:PodInitializing",
    ],
    [
      "running",
      {},
      { instances: runs(run("c", "running")), started: new Set(["c"]) },
      "Running Ready=True | c:running",
    ],
    [
      "not ready by its probe",
      {},
      { instances: runs(run("c", "running")), started: new Set(["c"]), ready: new Map([["c", false]]) },
      "Running Ready=False ContainersNotReady | c:running",
    ],
    [
      "not started by its probe",
      {},
      { instances: runs(run("c", "running")) },
      "Running Ready=False ContainersNotReady | c:running",
    ],
    [
      "one of two",
      two,
      { instances: runs(run("a", "running")), started: new Set(["a"]) },
      "Pending Ready=False ContainersNotReady | a:running b:ContainerCreating",
    ],
    [
      "in back-off",
      {},
      { instances: runs(run("c", 1, 3)), waiting: new Map([["c", { reason: "CrashLoopBackOff" }]]) },
      "Running Ready=False ContainersNotReady | c:CrashLoopBackOff#3",
    ],
    [
      "a missing ConfigMap",
      {},
      { waiting: new Map([["c", { reason: "CreateContainerConfigError" }]]) },
      "Pending Ready=False ContainersNotReady | c:CreateContainerConfigError",
    ],
    [
      "over",
      {},
      { instances: runs(run("c", 0)), finished: "Succeeded" },
      "Succeeded Ready=False PodCompleted | c:Completed(0)",
    ],
    ["failed", {}, { instances: runs(run("c", 3)), finished: "Failed" }, "Failed Ready=False PodFailed | c:Error(3)"],
  ];
  for (const [what, spec, more, text] of rows) {
    test(what, () => expect(show(podStatus(pod(spec), facts(more), startText))).toBe(text));
  }

  test("tells addresses of both families and the node's", () => {
    const status = podStatus(pod(), facts({}), startText);
    expect(status).toMatchObject({
      podIP: "10.244.1.2",
      podIPs: [{ ip: "10.244.1.2" }, { ip: "fd00:10:244:1::2" }],
      hostIP: "172.30.0.11",
      hostIPs: [{ ip: "172.30.0.11" }],
      startTime: startText,
      qosClass: "BestEffort",
    });
  });

  test("a transition keeps its moment, other authors' conditions stay, and a readiness gate is waited for", () => {
    const running = facts({ instances: runs(run("c", "running")), started: new Set(["c"]) });
    const gated = { readinessGates: [{ conditionType: "shop/open" }] };
    const before = { ...pod(gated), status: podStatus(pod(gated), running, startText) };
    expect(show(before.status)).toBe("Running Ready=False ReadinessGatesNotReady | c:running");
    const open = { type: "shop/open", status: "True", lastTransitionTime: laterText };
    const opened = { ...before, status: { ...before.status, conditions: [...(before.status.conditions ?? []), open] } };
    const after = podStatus(opened, running, laterText);
    expect(show(after)).toBe("Running Ready=True | c:running");
    expect(after.conditions).toContainEqual(open);
    const moments = Object.fromEntries(
      (after.conditions ?? []).map(({ type, lastTransitionTime }) => [type, lastTransitionTime]),
    );
    expect(moments).toMatchObject({ Ready: laterText, ContainersReady: startText, Initialized: startText });
  });

  test("the run before is the last state", () => {
    const status = podStatus(pod(), facts({ instances: runs(run("c", 2, 0), run("c", "running", 1)) }), startText);
    expect(status.containerStatuses?.[0]?.lastState?.terminated).toMatchObject({ exitCode: 2, reason: "Error" });
  });
});
