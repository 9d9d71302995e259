// A pod's line: how many of its containers are ready, and in one word what it is doing.

import type { Container, ContainerStatus } from "kubernetes-types/core/v1";
import type { Pod } from "#kube/kinds.ts";
import { ageOf } from "./age.ts";
import { sheet } from "./sheet.ts";

export const podSheet = sheet<Pod>(
  ["Name", "Ready", "Status", "Restarts", "Age", "IP wide", "Node wide", "Nominated Node wide", "Readiness Gates wide"],
  (pod, now) => {
    const { spec, status, metadata } = pod;
    const statuses = status?.containerStatuses ?? [];
    const sidecars = (spec?.initContainers ?? []).filter(isSidecar);
    const started = (status?.initContainerStatuses ?? []).filter(({ name }) =>
      sidecars.some((other) => other.name === name),
    );
    const ready = [...statuses, ...started].filter((container) => container.ready).length;
    const total = (spec?.containers.length ?? 0) + sidecars.length;
    return [
      metadata.name,
      `${ready}/${total}`,
      podWord(pod),
      restarts([...statuses, ...(status?.initContainerStatuses ?? [])], now),
      ageOf(metadata.creationTimestamp, now),
      status?.podIPs?.[0]?.ip ?? status?.podIP ?? "<none>",
      spec?.nodeName ?? "<none>",
      status?.nominatedNodeName ?? "<none>",
      readinessGates(pod),
    ];
  },
);

function isSidecar({ restartPolicy }: Container): boolean {
  return restartPolicy === "Always";
}

/** `Running`, `Init:1/2`, `CrashLoopBackOff`, `Terminating`: the most telling reason of all that a status holds. */
function podWord(pod: Pod): string {
  const { status, metadata } = pod;
  if (metadata.deletionTimestamp !== undefined) return status?.reason === "NodeLost" ? "Unknown" : "Terminating";
  const gated = status?.conditions?.some(({ type, reason }) => type === "PodScheduled" && reason === "SchedulingGated");
  if (gated === true) return "SchedulingGated";
  return initWord(pod) ?? containersWord(pod) ?? status?.reason ?? status?.phase ?? "Unknown";
}

function initWord({ spec, status }: Pod): string | undefined {
  const containers = spec?.initContainers ?? [];
  for (const [index, container] of containers.entries()) {
    const current = status?.initContainerStatuses?.find(({ name }) => name === container.name);
    if (current?.state?.terminated?.exitCode === 0) continue;
    if (isSidecar(container) && current?.started === true) continue;
    const { terminated, waiting } = current?.state ?? {};
    if (terminated !== undefined) return `Init:${endWord(terminated)}`;
    const reason = waiting?.reason;
    if (reason !== undefined && reason !== "PodInitializing") return `Init:${reason}`;
    // Nothing is known of a pod that no kubelet has seen.
    return status?.initContainerStatuses === undefined ? undefined : `Init:${index}/${containers.length}`;
  }
  return undefined;
}

type Terminated = NonNullable<NonNullable<ContainerStatus["state"]>["terminated"]>;

function endWord({ reason, signal, exitCode }: Terminated): string {
  if (reason !== undefined && reason !== "") return reason;
  return signal !== undefined && signal !== 0 ? `Signal:${signal}` : `ExitCode:${exitCode}`;
}

/** The first container that does not run says the word; one that completed says it only if none runs. */
function containersWord({ status }: Pod): string | undefined {
  const words = (status?.containerStatuses ?? []).flatMap(({ state }): readonly string[] => {
    if (state?.waiting?.reason !== undefined && state.waiting.reason !== "") return [state.waiting.reason];
    return state?.terminated === undefined ? [] : [endWord(state.terminated)];
  });
  const [word] = words;
  const running = status?.containerStatuses?.some(({ ready, state }) => ready && state?.running !== undefined) === true;
  if (word !== "Completed" || !running) return word;
  const ready = status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True") === true;
  return ready ? "Running" : "NotReady";
}

/** `3 (2m ago)` */
function restarts(statuses: readonly ContainerStatus[], now: number): string {
  const count = statuses.reduce((sum, { restartCount }) => sum + (restartCount ?? 0), 0);
  const ends = statuses.flatMap(({ lastState }) => lastState?.terminated?.finishedAt ?? []).sort();
  const last = ends.at(-1);
  return count === 0 || last === undefined ? String(count) : `${count} (${ageOf(last, now)} ago)`;
}

function readinessGates({ spec, status }: Pod): string {
  const gates = spec?.readinessGates ?? [];
  if (gates.length === 0) return "<none>";
  const met = gates.filter(({ conditionType }) =>
    status?.conditions?.some(({ type, status: value }) => type === conditionType && value === "True"),
  );
  return `${met.length}/${gates.length}`;
}
