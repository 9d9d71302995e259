// `twill lab internet`, hidden: plays the internet in a lab's namespace.

import type { CommandIo } from "#cli/command.ts";
import { runInternet } from "#lab/internet/main.ts";

export async function labInternet(_given: unknown, io: CommandIo): Promise<number> {
  return await runInternet((line) => io.stdout(`${line}\n`));
}
