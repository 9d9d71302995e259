// `twill help COMMAND`.

import type { CommandIo } from "./command.ts";
import { isGroup, UsageError } from "./command.ts";
import { findCommand, unknownCommand } from "./command-line.ts";
import { twill } from "./commands.ts";
import { formatHelp } from "./help.ts";

/** Prints the help of the command that the names lead to. @throws UsageError when they lead nowhere. */
export async function runHelp(
  { args }: { readonly args: { readonly command: readonly string[] } },
  io: CommandIo,
): Promise<number> {
  const { path, command, rest } = findCommand(twill, args.command);
  const [word] = rest;
  if (word !== undefined) {
    if (isGroup(command)) throw unknownCommand(command, word);
    throw new UsageError(`"${path.join(" ")}" has no command "${word}"`);
  }
  io.stdout(formatHelp(path, command));
  return 0;
}
