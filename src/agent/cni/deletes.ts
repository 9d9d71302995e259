// Deletes that the shim queued while no agent answered: one file each, as docs/shim-protocol.md says.

import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Invocation, Outcome } from "#cni/plugin.ts";
import { DecodeError } from "#codec/codec.ts";
import { decodeRequest } from "#plugins/service/frame.ts";

/** Replays all that are there; one that fails stays for the next time, one that cannot be read goes. */
export async function replayDeletes(
  folder: string,
  run: (invocation: Invocation) => Promise<Outcome>,
  log: (line: string) => void,
): Promise<void> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // Names that begin with a dot are unfinished.
  for (const name of readdirSync(folder).filter((each) => !each.startsWith("."))) {
    const path = join(folder, name);
    try {
      const { exitCode, stdout } = await run(decodeRequest(readFileSync(path)).invocation);
      if (exitCode !== 0) {
        log(`the queued delete ${name} failed, it is tried again later: ${stdout}`);
        continue;
      }
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      log(`the queued delete ${name} cannot be read and is dropped: ${error.message}`);
    }
    rmSync(path, { force: true });
  }
}
