// `twill lab shell`: a shell, or one command, inside a node, another station, or a pod.

import { dirname } from "node:path";
import type { CommandIo } from "#cli/command.ts";
import { nodeStation } from "#lab/fabric/station.ts";
import { LabError, type LabSpec, reservedNames } from "#lab/spec.ts";
import { enter } from "#lab/world/enter.ts";
import type { Places } from "#lab/world/places.ts";
import { containerTarget, findPod, parsePodName, stationTarget, type Target } from "#lab/world/pod-target.ts";
import { openHost } from "./lab-host.ts";
import { openLab } from "./open-lab.ts";

type ShellCall = {
  readonly args: { readonly place: string; readonly command: readonly string[] };
  readonly flags: { readonly lab: string | undefined };
};

const usualPath = "/usr/sbin:/usr/bin:/sbin:/bin";

/** Returns the exit code of what ran. */
export async function labShell(
  { args: { place, command }, flags: { lab } }: ShellCall,
  io: CommandIo,
): Promise<number> {
  const host = openHost(io);
  const { places, spec } = openLab(lab, io);
  const { pod, twill } = host.installation;
  const station = placeTarget(places, spec, place);
  // A node's own commands, like twill status, are this executable's.
  const path = `${io.env.get("PATH") ?? usualPath}:${dirname(twill)}`;
  if (station !== undefined) return await enter(pod, station, command, path);
  return await enter(pod, await podTarget(places, spec, place), command);
}

/** Of a node or another station; undefined when there is none of that name. */
function placeTarget(places: Places, spec: LabSpec, name: string): Target | undefined {
  const node = spec.nodes.find((each) => each.name === name);
  const station = node === undefined ? name : nodeStation(name);
  if (node === undefined && !reservedNames.includes(name) && !/^router-/.test(name)) return undefined;
  const target = stationTarget(places, station);
  if (target === undefined && node !== undefined) {
    throw new LabError(`Cannot enter node "${name}": it does not run, start it with twill lab node start ${name}`);
  }
  return target;
}

/** Of a pod's first container that runs; the pod is told as `[NAMESPACE/]POD`. */
async function podTarget(places: Places, spec: LabSpec, text: string): Promise<Target> {
  const name = parsePodName(text, "default");
  const pod = await findPod(places, name);
  if (pod !== undefined) return containerTarget(places, pod);
  const nodes = spec.nodes.map((each) => each.name).join(", ");
  throw new LabError(
    `Cannot find "${text}" in lab "${spec.name}": it is no pod of namespace ${name.namespace}, and no part of the lab (${nodes}, ${reservedNames.join(", ")})`,
  );
}
