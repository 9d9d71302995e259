// The help text of a command, from its declaration.

import { type Argument, type Command, type Flag, isGroup, type Leaf, shownCommands } from "./command.ts";
import { argumentName } from "./command-line.ts";

/** Where the explanation starts; longer names get a line of their own. */
const nameColumns = 26;
/** No line is longer, unless a word is. */
const maxColumns = 100;

/** `path` are the names that lead to the command; none for `twill` itself. */
export function formatHelp(path: readonly string[], command: Command): string {
  const name = ["twill", ...path].join(" ");
  const about = wrap(command.about ?? `${capital(command.summary)}.`, maxColumns).join("\n");
  if (isGroup(command)) {
    const commands = shownCommands(command).map(([word, { summary }]) => [word, summary] as const);
    return `Usage: ${name} COMMAND\n\n${about}\n${section("Commands", commands)}\n'twill help${["", ...path].join(" ")} COMMAND' tells more.\n`;
  }
  const words = [name, ...Object.entries(command.args).map(argumentUsage)];
  return [
    `Usage: ${words.join(" ")} [flags]\n\n${about}\n`,
    section("Arguments", argumentLines(command)),
    section("Flags", [...flagLines(command), ["-h, --help", "print this text"]]),
    section("Environment", environmentLines(command)),
  ].join("");
}

function section(title: string, lines: readonly (readonly [name: string, about: string])[]): string {
  if (lines.length === 0) return "";
  const indent = " ".repeat(nameColumns);
  const rows = lines.map(([name, about]) => {
    const text = wrap(about, maxColumns - nameColumns - 2).join(`\n  ${indent}`);
    return name.length < nameColumns ? `  ${name.padEnd(nameColumns)}${text}` : `  ${name}\n  ${indent}${text}`;
  });
  return `\n${title}:\n${rows.join("\n")}\n`;
}

/** Its lines, broken where they are too long; what is indented stays as it is. */
function wrap(text: string, columns: number): readonly string[] {
  return text.split("\n").flatMap((line) => (/^\s/.test(line) ? [line] : breakLine(line, columns)));
}

function breakLine(text: string, columns: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

function argumentUsage([name, { optional, repeated }]: readonly [string, Argument]): string {
  const shown = `${argumentName(name)}${repeated === true ? "..." : ""}`;
  return optional === true ? `[${shown}]` : shown;
}

function argumentLines({ args }: Leaf): readonly (readonly [string, string])[] {
  return Object.entries(args).map(([name, { about, words }]) => [argumentName(name), withWords(about, words)]);
}

function flagLines({ flags }: Leaf): readonly (readonly [string, string])[] {
  return Object.entries(flags).map(([name, flag]) => {
    const short = flag.short === undefined ? "    " : `-${flag.short}, `;
    return [`${short}--${name}${flag.value === undefined ? "" : ` ${flag.value}`}`, flagAbout(flag)];
  });
}

function flagAbout({ about, words, repeated, env, default: preset }: Flag): string {
  const notes = [env === undefined ? undefined : `$${env}`, preset === undefined ? undefined : preset].filter(
    (note) => note !== undefined,
  );
  const base = `${withWords(about, words)}${repeated === true ? "; may be repeated" : ""}`;
  return notes.length === 0 ? base : `${base} (${notes.join(", else ")})`;
}

function withWords(about: string, words: readonly string[] | undefined): string {
  // An explanation that names the words itself needs no list of them.
  if (words === undefined || words.every((word) => about.includes(word))) return about;
  return `${about}: ${words.join(", ")}`;
}

function environmentLines({ environment, flags }: Leaf): readonly (readonly [string, string])[] {
  const ofFlags = Object.entries(flags).flatMap(([name, { env }]) =>
    env === undefined ? [] : [[env, `as --${name}`] as const],
  );
  return [...Object.entries(environment), ...ofFlags];
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
