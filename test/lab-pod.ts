// Pods and runs of containers for tests of the kubelet's pure parts.
import type { PodSpec } from "kubernetes-types/core/v1";
import type { Pod } from "#kube/kinds.ts";
import type { Instance } from "#lab/kubelet/runtime/instance.ts";

export const startText = "2026-01-02T03:04:05Z";
export const startMs = Date.parse(startText);

export function pod(spec: Partial<PodSpec> = {}, more: Partial<Pod["metadata"]> = {}): Pod {
  const metadata = { name: "web-0", namespace: "shop", uid: "u1", ...more };
  return { apiVersion: "v1", kind: "Pod", metadata, spec: { containers: [{ name: "c", image: "nginx" }], ...spec } };
}

/** `running`, or the exit code of a run that ended as it began. */
export function run(container: string, state: "running" | number, attempt = 0): Instance {
  const ending = {
    finishedAt: startText,
    exitCode: Number(state),
    signal: 0,
    reason: state === 0 ? "Completed" : "Error",
  };
  return {
    uid: "u1",
    container,
    attempt,
    pid: 7,
    startedAt: startText,
    ending: state === "running" ? undefined : ending,
  };
}

/** Runs by container, oldest first. */
export function runs(...all: readonly Instance[]): ReadonlyMap<string, readonly Instance[]> {
  return Map.groupBy(all, ({ container }) => container);
}
