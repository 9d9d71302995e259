// What the lab's commands use of this process, and the lab that a command is about.

import type { CommandIo } from "#cli/command.ts";
import { checkLabName, LabError, type LabSpec } from "#lab/spec.ts";
import type { LabHost } from "#lab/world/lab.ts";
import { requireUp } from "#lab/world/lab.ts";
import { defaultStateRoot, findInstallation, type Places, placesOf } from "#lab/world/places.ts";
import { lockLab, readState } from "#lab/world/state.ts";

const defaultLab = "twill";
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

export function stateRootOf({ env }: Pick<CommandIo, "env">): string {
  return env.get("TWILL_LAB_DIR") || defaultStateRoot;
}

/** The lab that is meant when none is named. */
export function labNameOf(given: string | undefined, { env }: Pick<CommandIo, "env">): string {
  return checkLabName(given ?? (env.get("TWILL_LAB") || defaultLab));
}

/** `1.24 s` */
export function formatSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

/** A lab that is up, locked for a change. @throws LabError when it is not */
export async function lockUp(
  host: LabHost,
  name: string,
): Promise<{ readonly places: Places; readonly spec: LabSpec; readonly lock: Disposable }> {
  const places = placesOf(checkLabName(name), host.stateRoot);
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
