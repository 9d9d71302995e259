// `twill lab wires`, hidden: keeps frames of delayed wires back.

import { readFileSync } from "node:fs";
import type { CommandIo } from "#cli/command.ts";
import { parseSpec } from "#lab/spec.ts";

type WiresCall = { readonly args: { readonly file: string } };

export async function labWires({ args: { file } }: WiresCall, io: CommandIo): Promise<number> {
  parseSpec(readFileSync(file, "utf8"), file);
  io.stdout("");
  return 0;
}
