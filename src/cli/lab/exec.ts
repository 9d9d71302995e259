// `twill lab exec`: a command in a container of a pod, with this terminal.

import type { CommandIo } from "#cli/command.ts";
import { LabError } from "#lab/spec.ts";
import { enter } from "#lab/world/enter.ts";
import { containerTarget, findPod, parsePodName } from "#lab/world/pod-target.ts";
import { openHost } from "./lab-host.ts";
import { openLab } from "./open-lab.ts";

type ExecCall = {
  readonly args: { readonly pod: string; readonly command: readonly string[] };
  readonly flags: {
    readonly lab: string | undefined;
    readonly namespace: string;
    readonly container: string | undefined;
  };
};

/** Returns the exit code of the command. */
export async function labExec({ args: { pod: text, command }, flags }: ExecCall, io: CommandIo): Promise<number> {
  const { installation } = openHost(io);
  const { places } = openLab(flags.lab, io);
  const name = parsePodName(text, flags.namespace);
  const pod = await findPod(places, name);
  if (pod === undefined) {
    throw new LabError(
      `Cannot find pod "${name.name}" in namespace ${name.namespace} of lab "${places.name}": see kubectl get pods -A`,
    );
  }
  return await enter(installation.pod, containerTarget(places, pod, flags.container), command);
}
