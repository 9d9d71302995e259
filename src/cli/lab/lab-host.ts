// What the lab's commands use of this process, and the lab that a command changes.

import type { CommandIo } from "#cli/command.ts";
import { LabError, type LabSpec } from "#lab/spec.ts";
import type { LabHost } from "#lab/world/lab.ts";
import { requireUp } from "#lab/world/lab.ts";
import { findInstallation, type Places, placesOf } from "#lab/world/places.ts";
import { lockLab, readState } from "#lab/world/state.ts";
import { labNameOf, stateRootOf } from "./which-lab.ts";

/** A step that takes longer is told of. */
const worthTellingMs = 100;

/** @throws LabError for all but root, and when an executable is missing. */
export function openHost(io: CommandIo): LabHost {
  const uid = process.getuid?.();
  if (uid !== 0) throw new LabError(`Cannot make network namespaces as user ${uid}: run it as root, with sudo`);
  return {
    stateRoot: stateRootOf(io),
    installation: findInstallation(process.execPath),
    sleep: (ms) => Bun.sleep(ms),
    nowMs: () => performance.now(),
    now: () => Date.now(),
    random: (bytes) => crypto.getRandomValues(bytes),
    progress: (step, tookMs) => {
      if (tookMs >= worthTellingMs) io.stdout(`${step.padEnd(16)} ${formatSeconds(tookMs)}\n`);
    },
  };
}

/** `1.24 s` */
export function formatSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

/** The lab that a command is about, which is up, locked for a change. @throws LabError when it is not up */
export async function lockUp(
  host: LabHost,
  name: string | undefined,
  io: CommandIo,
): Promise<{ readonly places: Places; readonly spec: LabSpec; readonly lock: Disposable }> {
  const places = placesOf(labNameOf(name, io), host.stateRoot);
  // Before the lock, whose file would make a folder for a lab that nobody has.
  requireUp(places, readState(places));
  const lock = await lockLab(places, host.sleep);
  try {
    return { places, spec: requireUp(places, readState(places)), lock };
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
}
