// `twill lab shell`: a shell, or one command, inside a node, another station, or a pod.

import { join } from "node:path";
import type { CommandIo } from "#cli/command.ts";
import { hasReason } from "#kube/kube-error.ts";
import { pods } from "#kube/resource.ts";
import { processesIn } from "#lab/cgroup.ts";
import { nodeStation } from "#lab/fabric/station.ts";
import { checkLabName, LabError, type LabSpec, reservedNames } from "#lab/spec.ts";
import { enter } from "#lab/world/enter.ts";
import { holderOf } from "#lab/world/holders.ts";
import { requireUp } from "#lab/world/lab.ts";
import { nodePlaces, type Places, placesOf } from "#lab/world/places.ts";
import { adminClient } from "#lab/world/ready.ts";
import { readState } from "#lab/world/state.ts";
import { openHost } from "./lab-host.ts";

type ShellCall = {
  readonly args: { readonly place: string; readonly command: readonly string[] };
  readonly flags: { readonly lab: string };
};

/** Returns the exit code of what ran. */
export async function labShell(
  { args: { place, command }, flags: { lab } }: ShellCall,
  io: CommandIo,
): Promise<number> {
  const host = openHost(io);
  const places = placesOf(checkLabName(lab), host.stateRoot);
  const spec = requireUp(places, readState(places));
  const target = stationTarget(places, spec, place) ?? (await podTarget(places, spec, place));
  return await enter(host.installation.pod, target, command);
}

/** A process whose namespaces are entered, and the control group for who enters. */
type Target = { readonly pid: number; readonly cgroup: string };

/** Of a node or another station; undefined when there is none of that name. */
function stationTarget(places: Places, spec: LabSpec, name: string): Target | undefined {
  const node = spec.nodes.find((each) => each.name === name);
  const station = node === undefined ? name : nodeStation(name);
  if (node === undefined && !reservedNames.includes(name) && !/^router-/.test(name)) return undefined;
  const pid = holderOf(places, station);
  if (pid === undefined && node !== undefined) {
    throw new LabError(`Cannot enter node "${name}": it does not run, start it with twill lab node start ${name}`);
  }
  return pid === undefined ? undefined : { pid, cgroup: join(places.cgroup, station, "shell") };
}

/** Of a pod's first container that runs; the pod is told as `[NAMESPACE/]POD`. */
async function podTarget(places: Places, spec: LabSpec, text: string): Promise<Target> {
  const [namespace, name] = text.includes("/") ? text.split("/", 2) : ["default", text];
  const pod = await findPod(places, namespace ?? "default", name ?? "");
  if (pod === undefined) {
    const nodes = spec.nodes.map((each) => each.name).join(", ");
    throw new LabError(
      `Cannot find "${text}" in lab "${spec.name}": it is no pod of namespace ${namespace}, and no part of the lab (${nodes}, ${reservedNames.join(", ")})`,
    );
  }
  const { nodeName, containers = [] } = pod.spec ?? {};
  for (const container of nodeName === undefined ? [] : containers) {
    const cgroup = join(nodePlaces(places, nodeName ?? "").cgroup, "pods", pod.metadata.uid ?? "", container.name);
    const [pid] = processesIn(cgroup);
    if (pid !== undefined) return { pid, cgroup };
  }
  throw new LabError(`Cannot enter pod "${text}": none of its containers runs, see kubectl describe pod ${name}`);
}

async function findPod(places: Places, namespace: string, name: string) {
  try {
    return await adminClient(places).get(pods, { namespace, name });
  } catch (error) {
    if (hasReason(error, "NotFound", "BadRequest", "Invalid")) return undefined;
    throw error;
  }
}
