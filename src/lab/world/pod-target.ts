// A lab's stations and the containers of its pods from the outside: by name, to the process whose namespaces are entered.

import { join } from "node:path";
import type { Pod } from "#kube/kinds.ts";
import { hasReason } from "#kube/kube-error.ts";
import { pods } from "#kube/resource.ts";
import { processesIn } from "#lab/cgroup.ts";
import type { StationPath } from "#lab/fabric/station.ts";
import { LabError } from "#lab/spec.ts";
import { holderOf } from "./holders.ts";
import { nodePlaces, type Places } from "./places.ts";
import { adminClient } from "./ready.ts";

/** A process whose namespaces are entered, and the control group for who enters. */
export type Target = { readonly pid: number; readonly cgroup: string };

/** A node, or another station; undefined when it does not run. */
export function stationTarget(places: Places, station: StationPath): Target | undefined {
  const pid = holderOf(places, station);
  return pid === undefined ? undefined : { pid, cgroup: join(places.cgroup, station, "shell") };
}

export type PodName = { readonly namespace: string; readonly name: string };

/** `[NAMESPACE/]POD` */
export function parsePodName(text: string, namespace: string): PodName {
  const slash = text.indexOf("/");
  return slash < 0 ? { namespace, name: text } : { namespace: text.slice(0, slash), name: text.slice(slash + 1) };
}

/** Undefined when the API has no pod of that name. @throws KubeError */
export async function findPod(places: Places, name: PodName): Promise<Pod | undefined> {
  try {
    return await adminClient(places).get(pods, name);
  } catch (error) {
    if (hasReason(error, "NotFound", "BadRequest", "Invalid")) return undefined;
    throw error;
  }
}

/** The named container, or the first that runs; undefined when it does not. */
export function findContainer(
  places: Places,
  { metadata, spec }: Pick<Pod, "metadata" | "spec">,
  container?: string,
): Target | undefined {
  const { nodeName, containers = [] } = spec ?? {};
  if (nodeName === undefined) return undefined;
  for (const { name } of containers) {
    if (container !== undefined && name !== container) continue;
    const cgroup = join(nodePlaces(places, nodeName).cgroup, "pods", metadata.uid ?? "", name);
    const [pid] = processesIn(cgroup);
    if (pid !== undefined) return { pid, cgroup };
  }
  return undefined;
}

/** As `findContainer`. @throws LabError when it does not */
export function containerTarget(places: Places, pod: Pod, container?: string): Target {
  const { containers = [] } = pod.spec ?? {};
  const { namespace, name: podName } = pod.metadata;
  const title = `${namespace}/${podName}`;
  const asked = container === undefined ? containers : containers.filter(({ name }) => name === container);
  if (asked.length === 0) {
    const names = containers.map(({ name }) => name).join(", ");
    throw new LabError(`Cannot enter container "${container}" of pod "${title}": it has ${names}`);
  }
  const found = findContainer(places, pod, container);
  if (found !== undefined) return found;
  const what = container === undefined ? "none of its containers runs" : `its container ${container} does not run`;
  throw new LabError(`Cannot enter pod "${title}": ${what}, see kubectl describe pod -n ${namespace} ${podName}`);
}
