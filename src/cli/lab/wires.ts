// `twill lab wires`, hidden: the process that keeps frames of delayed wires back.

import { readFileSync } from "node:fs";
import type { CommandIo } from "#cli/command.ts";
import { untilStopped } from "#cli/stop-signal.ts";
import { parseSpec } from "#lab/spec.ts";
import { runWires } from "#lab/wires/main.ts";

type WiresCall = { readonly args: { readonly file: string } };

export async function labWires({ args: { file } }: WiresCall, io: CommandIo): Promise<number> {
  await runWires(
    {
      nowMs: () => performance.now(),
      setTimer: (run, ms) => {
        setTimeout(run, ms);
      },
      log: (line) => io.stdout(`${line}\n`),
      stopped: untilStopped(),
    },
    parseSpec(readFileSync(file, "utf8"), file),
  );
  return 0;
}
