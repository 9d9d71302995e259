// What to do with the containers of a pod now: which to start, which to end, and when to look again.

import type { Container } from "kubernetes-types/core/v1";
import type { Pod } from "#kube/kinds.ts";
import type { Instance } from "#lab/kubelet/runtime/instance.ts";
import { type Backoff, noBackoff, waitMs } from "./backoff.ts";

/** What is known of a pod's containers, by name. */
export type ContainerFacts = {
  /** The runs still remembered, oldest first. */
  readonly instances: ReadonlyMap<string, readonly Instance[]>;
  readonly backoffs: ReadonlyMap<string, Backoff>;
  /** Whose startup probe has succeeded, or which have none and run. */
  readonly started: ReadonlySet<string>;
  /** Whose liveness or startup probe has failed, with the sentence for the event. */
  readonly unhealthy: ReadonlyMap<string, string>;
};

export type ContainerStep =
  | { readonly do: "start"; readonly container: string; readonly attempt: number; readonly why: string }
  | { readonly do: "kill"; readonly container: string; readonly why: string };

export type PodPlan = {
  readonly steps: readonly ContainerStep[];
  /** Containers that wait in CrashLoopBackOff, and how long. */
  readonly waiting: ReadonlyMap<string, number>;
  /** When all is over: the pod's last phase. */
  readonly finished: "Succeeded" | "Failed" | undefined;
};

type RestartPolicy = "Always" | "OnFailure" | "Never";

/** All containers of a pod: those that come first, its own, and those that `kubectl debug` has put beside them (KEP-277). */
export function containersOf({ spec }: Pod): readonly Container[] {
  return [...(spec?.initContainers ?? []), ...(spec?.containers ?? []), ...(spec?.ephemeralContainers ?? [])];
}

/** A sidecar: an init container that goes on running beside the others (KEP-753). */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === "Always";
}

/** The last run of a container, if it ever ran. */
export function lastRun(facts: Pick<ContainerFacts, "instances">, name: string): Instance | undefined {
  return facts.instances.get(name)?.at(-1);
}

export function planPod(pod: Pod, facts: ContainerFacts, nowMs: number): PodPlan {
  const plan = planLasting(pod, facts, nowMs);
  if (plan.finished !== undefined) return plan;
  // They run once, whatever becomes of the others.
  const fresh = (pod.spec?.ephemeralContainers ?? []).filter(({ name }) => lastRun(facts, name) === undefined);
  const starts = fresh.map(({ name }) => ({ do: "start", container: name, attempt: 0, why: "it never ran" }) as const);
  return { ...plan, steps: [...plan.steps, ...starts] };
}

function planLasting(pod: Pod, facts: ContainerFacts, nowMs: number): PodPlan {
  const { initContainers = [], containers = [], restartPolicy } = pod.spec ?? { containers: [] };
  const policy = (restartPolicy ?? "Always") as RestartPolicy;
  const steps: ContainerStep[] = [];
  const waiting = new Map<string, number>();

  /** Starts what may be started by its policy; says whether the container is over for good. */
  function keep(name: string, own: RestartPolicy): "over" | "going" {
    const run = lastRun(facts, name);
    const ill = facts.unhealthy.get(name);
    if (run === undefined) steps.push({ do: "start", container: name, attempt: 0, why: "it never ran" });
    else if (run.ending === undefined) {
      if (ill !== undefined) steps.push({ do: "kill", container: name, why: ill });
    } else {
      const restarts = own === "Always" || (own === "OnFailure" && run.ending.exitCode !== 0);
      if (!restarts) return "over";
      const wait = waitMs(facts.backoffs.get(name) ?? noBackoff, Date.parse(run.ending.finishedAt), nowMs);
      if (wait > 0) waiting.set(name, wait);
      else
        steps.push({
          do: "start",
          container: name,
          attempt: run.attempt + 1,
          why: `it ended with ${run.ending.exitCode}`,
        });
    }
    return "going";
  }

  const begun = containers.some(({ name }) => facts.instances.has(name));
  for (const container of initContainers) {
    if (isSidecar(container)) {
      keep(container.name, "Always");
      if (begun || facts.started.has(container.name)) continue;
      return { steps, waiting, finished: undefined };
    }
    if (begun || lastRun(facts, container.name)?.ending?.exitCode === 0) continue;
    // An init container that must succeed is tried again also by "Always".
    const state = keep(container.name, policy === "Never" ? "Never" : "OnFailure");
    return { steps, waiting, finished: state === "over" ? "Failed" : undefined };
  }

  const over = containers.filter(({ name }) => keep(name, policy) === "over");
  if (over.length < containers.length) return { steps, waiting, finished: undefined };
  const failed = over.some(({ name }) => lastRun(facts, name)?.ending?.exitCode !== 0);
  // Sidecars end after the containers, the last one first; their own restarts are over.
  const sidecars = initContainers
    .filter((container) => isSidecar(container) && lastRun(facts, container.name)?.ending === undefined)
    .filter(({ name }) => lastRun(facts, name) !== undefined)
    .toReversed()
    .map(({ name }): ContainerStep => ({ do: "kill", container: name, why: "all containers have ended" }));
  return { steps: sidecars, waiting: new Map(), finished: failed ? "Failed" : "Succeeded" };
}

/** A pod that was over before this kubelet saw it, or that somebody else has ended: it is not run again. */
export function finishedPhase({ status }: Pod): "Succeeded" | "Failed" | undefined {
  return status?.phase === "Succeeded" || status?.phase === "Failed" ? status.phase : undefined;
}
