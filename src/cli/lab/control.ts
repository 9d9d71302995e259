// `twill lab control`, hidden: the control plane's process.

import { basename, dirname } from "node:path";
import type { CommandIo } from "#cli/command.ts";
import { pace } from "#cli/pace.ts";
import { untilStopped } from "#cli/stop-signal.ts";
import { timedLog } from "#cli/timed-log.ts";
import { runControl } from "#lab/control/main.ts";
import { placesOf } from "#lab/world/places.ts";

type ControlCall = { readonly args: { readonly folder: string } };

export async function labControl({ args: { folder } }: ControlCall, io: CommandIo): Promise<number> {
  const places = placesOf(basename(folder), dirname(folder));
  await runControl(
    {
      now: () => Date.now(),
      random: (bytes) => crypto.getRandomValues(bytes),
      pace,
      log: timedLog(io.stdout),
      stopped: untilStopped(),
    },
    places,
  );
  return 0;
}
