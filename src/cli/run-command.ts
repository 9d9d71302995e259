// Runs what was typed after `twill`: finds the command, reads its words, loads its module.

import { messageOf } from "#base/error-message.ts";
import { type CommandIo, isGroup, UnansweredError, UsageError } from "./command.ts";
import { asksForHelp, findCommand, parseGiven, unknownCommand } from "./command-line.ts";
import { twill } from "./commands.ts";
import { formatHelp } from "./help.ts";

/** Exit codes: a command that failed, or whose answer is no; and a call that makes no sense, or has no answer. */
const failedExit = 1;
const misusedExit = 2;

/** Returns the exit code. Never throws: what fails is one sentence on stderr. */
export async function runCommand(words: readonly string[], io: CommandIo): Promise<number> {
  // Everybody tries this one.
  const asked = words[0] === "--version" ? ["version", ...words.slice(1)] : words;
  const { path, command, rest } = findCommand(twill, asked);
  const name = ["twill", ...path].join(" ");
  try {
    if (asksForHelp(command, rest) || asked.length === 0) {
      io.stdout(formatHelp(path, command));
      return 0;
    }
    if (isGroup(command)) throw unknownCommand(command, rest[0]);
    const given = parseGiven(command, rest, io.env);
    return await (await command.load())(given, io);
  } catch (error) {
    const message = messageOf(error);
    if (!(error instanceof UsageError)) {
      io.stderr(`${name}: ${message}\n`);
      return error instanceof UnansweredError ? misusedExit : failedExit;
    }
    io.stderr(`${name}: ${message} (see '${["twill help", ...path].join(" ")}')\n`);
    return misusedExit;
  }
}
