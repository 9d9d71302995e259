// The running lab that a command looks into, without changing what it is made of.

import type { CommandIo } from "#cli/command.ts";
import type { LabSpec } from "#lab/spec.ts";
import { requireUp } from "#lab/world/lab.ts";
import { type Places, placesOf } from "#lab/world/places.ts";
import { readState } from "#lab/world/state.ts";
import { labNameOf, stateRootOf } from "./which-lab.ts";

/** @throws LabError when it is not up */
export function openLab(name: string | undefined, io: CommandIo): { readonly places: Places; readonly spec: LabSpec } {
  const places = placesOf(labNameOf(name, io), stateRootOf(io));
  return { places, spec: requireUp(places, readState(places)) };
}
