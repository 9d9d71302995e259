// `twill lab down`: removes a lab with everything in it.

import type { CommandIo } from "#cli/command.ts";
import { LabError } from "#lab/spec.ts";
import { exists, remove } from "#lab/world/lab.ts";
import { placesOf } from "#lab/world/places.ts";
import { labNames, lockLab } from "#lab/world/state.ts";
import { formatSeconds, openHost } from "./lab-host.ts";
import { labNameOf } from "./which-lab.ts";

type DownCall = { readonly args: { readonly name: string | undefined } };

export async function labDown({ args }: DownCall, io: CommandIo): Promise<number> {
  const name = labNameOf(args.name, io);
  const host = openHost(io);
  const places = placesOf(name, host.stateRoot);
  if (!exists(places)) {
    const names = labNames(host.stateRoot);
    throw new LabError(
      `Cannot find lab "${name}": ${names.length === 0 ? "there is none" : `there are ${names.join(", ")}`}`,
    );
  }
  const startMs = host.nowMs();
  using _ = await lockLab(places, host.sleep);
  await remove(places, host.sleep);
  io.stdout(`lab "${name}" is gone (${formatSeconds(host.nowMs() - startMs)})\n`);
  return 0;
}
