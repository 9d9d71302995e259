// The status of a pod as kubectl expects it, from what is known of its sandbox, its containers and their probes.

import type { Container, ContainerState, ContainerStatus, PodCondition, PodStatus } from "kubernetes-types/core/v1";
import type { Pod } from "#kube/kinds.ts";
import { containerId, type Instance } from "#lab/kubelet/runtime/instance.ts";
import type { Ip } from "#net/ip.ts";
import { type ContainerFacts, isSidecar, lastRun } from "./plan.ts";
import { qosClass } from "./qos.ts";

/** Why something that should run does not run yet, as `kubectl get pods` shows it. */
export type Waiting = { readonly reason: string; readonly message?: string };

export type PodFacts = ContainerFacts & {
  /** Readiness by its probe, for containers that have one. */
  readonly ready: ReadonlyMap<string, boolean>;
  readonly waiting: ReadonlyMap<string, Waiting>;
  readonly sandbox: { readonly ready: boolean; readonly ips: readonly Ip[] } | undefined;
  readonly hostIps: readonly Ip[];
  /** When this kubelet first saw the pod. */
  readonly startTime: string;
  readonly finished: "Succeeded" | "Failed" | undefined;
};

/** The whole status; `now` is RFC 3339 for what changes with it. */
export function podStatus(pod: Pod, facts: PodFacts, now: string): PodStatus {
  const { initContainers = [], containers = [], ephemeralContainers = [] } = pod.spec ?? { containers: [] };
  const beside = ephemeralContainers.map((container) => containerStatus(pod, container, facts, false));
  const init = initContainers.map((container) => containerStatus(pod, container, facts, true));
  const main = containers.map((container) => containerStatus(pod, container, facts, false));
  const initialized = isInitialized(pod, facts);
  const phase = facts.finished ?? phaseOf(main, initialized);
  const ips = (facts.sandbox?.ips ?? []).map((ip) => ({ ip }));
  const hosts = facts.hostIps.map((ip) => ({ ip }));
  return {
    phase,
    ...(pod.status?.startTime === undefined ? { startTime: facts.startTime } : { startTime: pod.status.startTime }),
    qosClass: qosClass(pod),
    ...(hosts[0] === undefined ? {} : { hostIP: hosts[0].ip, hostIPs: hosts }),
    ...(ips[0] === undefined ? {} : { podIP: ips[0].ip, podIPs: ips }),
    conditions: conditions(pod, facts, { init, main, initialized, phase }, now),
    ...(init.length === 0 ? {} : { initContainerStatuses: init }),
    containerStatuses: main,
    ...(beside.length === 0 ? {} : { ephemeralContainerStatuses: beside.map((each) => ({ ...each, ready: false })) }),
  };
}

/** All ordinary init containers have succeeded and all sidecars have started, or the containers have begun already. */
function isInitialized(pod: Pod, facts: PodFacts): boolean {
  const { initContainers = [], containers = [] } = pod.spec ?? { containers: [] };
  if (containers.some(({ name }) => facts.instances.has(name))) return true;
  return initContainers.every((container) =>
    isSidecar(container) ? facts.started.has(container.name) : lastRun(facts, container.name)?.ending?.exitCode === 0,
  );
}

function phaseOf(main: readonly ContainerStatus[], initialized: boolean): string {
  const begun = main.every(
    ({ state, lastState }) => state?.waiting === undefined || lastState?.terminated !== undefined,
  );
  return initialized && begun ? "Running" : "Pending";
}

function containerStatus(pod: Pod, container: Container, facts: PodFacts, isInit: boolean): ContainerStatus {
  const { name, image = "" } = container;
  const runs = facts.instances.get(name) ?? [];
  const run = runs.at(-1);
  const wait = facts.waiting.get(name);
  // A container in back-off waits, and what ended it is its last state.
  const state =
    run === undefined || (run.ending !== undefined && wait !== undefined)
      ? waitingState(pod, wait, facts)
      : stateOf(run);
  const before = state.waiting === undefined ? runs.at(-2) : run;
  const running = state.running !== undefined;
  const started = running && facts.started.has(name);
  const ready =
    isInit && !isSidecar(container) ? run?.ending?.exitCode === 0 : started && (facts.ready.get(name) ?? true);
  return {
    name,
    image,
    imageID: image === "" ? "" : `twill-lab/${image}`,
    ...(run === undefined ? {} : { containerID: containerId(run) }),
    restartCount: run?.attempt ?? 0,
    ready,
    started,
    state,
    lastState: before === undefined ? {} : stateOf(before),
  };
}

function waitingState(pod: Pod, wait: Waiting | undefined, facts: PodFacts): ContainerState {
  if (wait !== undefined) return { waiting: wait };
  const blocked = (pod.spec?.initContainers?.length ?? 0) > 0 && !isInitialized(pod, facts);
  return { waiting: { reason: blocked ? "PodInitializing" : "ContainerCreating" } };
}

function stateOf(run: Instance): ContainerState {
  if (run.ending === undefined) return { running: { startedAt: run.startedAt } };
  const { exitCode, signal, reason, message, finishedAt } = run.ending;
  return {
    terminated: {
      exitCode,
      ...(signal === 0 ? {} : { signal }),
      reason,
      ...(message === undefined ? {} : { message }),
      startedAt: run.startedAt,
      finishedAt,
      containerID: containerId(run),
    },
  };
}

type Parts = {
  readonly init: readonly ContainerStatus[];
  readonly main: readonly ContainerStatus[];
  readonly initialized: boolean;
  readonly phase: string;
};

function conditions(pod: Pod, facts: PodFacts, parts: Parts, now: string): PodCondition[] {
  const { init, main, initialized, phase } = parts;
  const sidecars = new Set((pod.spec?.initContainers ?? []).filter(isSidecar).map(({ name }) => name));
  const unready = [...init.filter(({ name }) => sidecars.has(name)), ...main].filter(({ ready }) => !ready);
  const missing = init.filter(({ name, ready, started }) => !(sidecars.has(name) ? started : ready));
  const over = phase === "Succeeded" || phase === "Failed";
  const containersReady: Verdict = over
    ? [false, phase === "Succeeded" ? "PodCompleted" : "PodFailed"]
    : unready.length === 0
      ? [true]
      : [false, "ContainersNotReady", `containers with unready status: [${unready.map(({ name }) => name).join(" ")}]`];
  const gate = (pod.spec?.readinessGates ?? []).find(({ conditionType }) => !holds(pod, conditionType));
  const ready: Verdict =
    containersReady[0] && gate !== undefined
      ? [
          false,
          "ReadinessGatesNotReady",
          `corresponding condition of pod readiness gate "${gate.conditionType}" does not exist or is not True.`,
        ]
      : containersReady;
  const verdicts: readonly (readonly [type: string, verdict: Verdict])[] = [
    ["PodReadyToStartContainers", [facts.sandbox?.ready === true && !over]],
    [
      "Initialized",
      initialized
        ? phase === "Succeeded"
          ? [true, "PodCompleted"]
          : [true]
        : [
            false,
            "ContainersNotInitialized",
            `containers with incomplete status: [${missing.map(({ name }) => name).join(" ")}]`,
          ],
    ],
    ["Ready", ready],
    ["ContainersReady", containersReady],
    ["PodScheduled", [true]],
  ];
  const own = new Set(verdicts.map(([type]) => type));
  const others = (pod.status?.conditions ?? []).filter(({ type }) => !own.has(type));
  return [...verdicts.map(([type, verdict]) => condition(pod, type, verdict, now)), ...others];
}

/** Whether it holds, and when not, the reason and a sentence. */
type Verdict = readonly [holds: boolean, reason?: string, message?: string];

function holds(pod: Pod, type: string): boolean {
  return (pod.status?.conditions ?? []).some((each) => each.type === type && each.status === "True");
}

/** The moment of a transition stays as long as the condition does. */
function condition(pod: Pod, type: string, [holds, reason, message]: Verdict, now: string): PodCondition {
  const status = holds ? "True" : "False";
  const before = (pod.status?.conditions ?? []).find((each) => each.type === type);
  return {
    type,
    status,
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
    lastTransitionTime:
      before?.status === status && before.lastTransitionTime !== undefined ? before.lastTransitionTime : now,
  };
}
