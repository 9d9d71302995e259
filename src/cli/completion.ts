// `twill completion SHELL`: scripts that complete commands, flags and their values, written from the table of commands.

import type { CommandIo } from "./command.ts";
import { twill } from "./commands.ts";
import { bashCompletion } from "./completion-bash.ts";
import { fishCompletion } from "./completion-fish.ts";
import { placesOf } from "./completion-place.ts";
import { zshCompletion } from "./completion-zsh.ts";

const writers = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const;

export async function runCompletion(
  { args }: { readonly args: { readonly shell: keyof typeof writers } },
  io: CommandIo,
): Promise<number> {
  io.stdout(writers[args.shell](placesOf(twill)));
  return 0;
}
