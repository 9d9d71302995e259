// The quality of service class of a pod, by its requests and limits.

import type { Pod } from "#kube/kinds.ts";

/** Guaranteed: every container limits CPU and memory and asks for no less. BestEffort: none says anything. */
export function qosClass(pod: Pod): "Guaranteed" | "Burstable" | "BestEffort" {
  const { containers = [], initContainers = [] } = pod.spec ?? { containers: [] };
  const all = [...containers, ...initContainers].map(({ resources = {} }) => {
    const { limits = {}, requests = {} } = resources;
    return ["cpu", "memory"].map((name) => ({ limit: limits[name], request: requests[name] ?? limits[name] }));
  });
  const wishes = all.flat();
  if (wishes.every(({ limit, request }) => limit === undefined && request === undefined)) return "BestEffort";
  return wishes.every(({ limit, request }) => limit !== undefined && limit === request) ? "Guaranteed" : "Burstable";
}
