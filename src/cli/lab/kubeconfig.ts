// `twill lab kubeconfig`: what kubectl needs to reach a lab.

import { readFileSync } from "node:fs";
import type { CommandIo } from "#cli/command.ts";
import { LabError } from "#lab/spec.ts";
import { writeWhole } from "#lab/whole-file.ts";
import { placesOf } from "#lab/world/places.ts";
import { readState } from "#lab/world/state.ts";
import { labNameOf, stateRootOf } from "./which-lab.ts";

type KubeconfigCall = {
  readonly args: { readonly name: string | undefined };
  readonly flags: { readonly write: string | undefined };
};

export async function labKubeconfig({ args, flags: { write } }: KubeconfigCall, io: CommandIo): Promise<number> {
  const name = labNameOf(args.name, io);
  const places = placesOf(name, stateRootOf(io));
  if (readState(places) === undefined) {
    throw new LabError(`Cannot find lab "${name}": start it with twill lab up ${name}`);
  }
  const text = readFileSync(places.kubeconfig, "utf8");
  if (write === undefined) io.stdout(text);
  else writeWhole(write, text, 0o600);
  return 0;
}
