// `twill lab control`, hidden: the control plane's process.

import { basename, dirname } from "node:path";
import type { CommandIo } from "#cli/command.ts";
import { runControl } from "#lab/control/main.ts";
import { placesOf } from "#lab/world/places.ts";
import { untilStopped } from "./stop-signal.ts";

type ControlCall = { readonly args: { readonly folder: string } };

export async function labControl({ args: { folder } }: ControlCall, io: CommandIo): Promise<number> {
  const places = placesOf(basename(folder), dirname(folder));
  await runControl(
    {
      now: () => Date.now(),
      random: (bytes) => crypto.getRandomValues(bytes),
      pace: { sleep: sleepUntil, random: () => Math.random() },
      log: (line) => io.stdout(`${new Date().toISOString()} ${line}\n`),
      stopped: untilStopped(),
    },
    places,
  );
  return 0;
}

/** Ends early when the signal aborts. */
async function sleepUntil(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const wake = () => resolve();
  signal.addEventListener("abort", wake, { once: true });
  await promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", wake);
}
