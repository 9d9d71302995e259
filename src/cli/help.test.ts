// What help prints of every command.

import { describe, expect, test } from "bun:test";
import { type Command, isGroup, leaf, shownCommands } from "./command.ts";
import { twill } from "./commands.ts";
import { formatHelp } from "./help.ts";

/** All commands that people are told about, from the outside in. */
function commandsBelow(
  path: readonly string[],
  command: Command,
): readonly (readonly [path: readonly string[], command: Command])[] {
  const below = isGroup(command) ? shownCommands(command) : [];
  return [[path, command], ...below.flatMap(([name, each]) => commandsBelow([...path, name], each))];
}

describe("help", () => {
  for (const [path, command] of commandsBelow([], twill)) {
    test(`of ${["twill", ...path].join(" ")} fits a terminal`, () => {
      const long = formatHelp(path, command)
        .split("\n")
        .filter((line) => line.length > 100);
      expect(long).toEqual([]);
    });
  }

  test("breaks what is longer at its words, below where it begins", () => {
    const word = "eight888";
    const command = leaf({
      summary: "does something",
      about: `${`${word} `.repeat(12)}and more\n\n  as it is`,
      flags: { flag: { value: "VALUE", about: `${word} `.repeat(9).trim() } },
      load: async () => async () => 0,
    });
    expect(formatHelp(["x"], command).split("\n")).toEqual([
      "Usage: twill x [flags]",
      "",
      Array(11).fill(word).join(" "),
      `${word} and more`,
      "",
      "  as it is",
      "",
      "Flags:",
      `      --flag VALUE          ${Array(8).fill(word).join(" ")}`,
      `                            ${word}`,
      "  -h, --help                print this text",
      "",
    ]);
  });
});
