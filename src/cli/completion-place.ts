// What a shell can offer at each place of the command line: the same for every shell.

import {
  type Argument,
  type Command,
  type Completion,
  type Flag,
  type Group,
  isGroup,
  shownCommands,
} from "./command.ts";

/** A word and what it means. */
export type Offer = { readonly word: string; readonly about: string };

/** What the value of a flag or an argument can be. */
export type Values = { readonly words: readonly string[]; readonly complete: Completion | undefined };

export type FlagPlace = {
  /** `--output`, and `-o` where there is one. */
  readonly words: readonly string[];
  readonly about: string;
  /** Undefined for a switch. */
  readonly values: Values | undefined;
};

/** The place after some names of commands; `path` is "" after `twill` itself, "cni add" after both words. */
export type Place = {
  readonly path: string;
  /** Whether only the name of a command can follow: after any other word there is nothing to offer. */
  readonly isGroup: boolean;
  readonly commands: readonly Offer[];
  readonly flags: readonly FlagPlace[];
  /** Of all arguments together: shells are not told at which argument the user is. */
  readonly values: Values;
};

const help: FlagPlace = { words: ["--help", "-h"], about: "explain the command", values: undefined };

/** All places, from the outside in. */
export function placesOf(root: Group): readonly Place[] {
  return placesBelow([], root, root);
}

function placesBelow(path: readonly string[], command: Command, root: Group): readonly Place[] {
  const place = { path: path.join(" "), isGroup: isGroup(command), flags: [help] };
  if (isGroup(command)) {
    const below = shownCommands(command).flatMap(([name, each]) => placesBelow([...path, name], each, root));
    return [{ ...place, commands: offersOf(command), values: valuesOf([]) }, ...below];
  }
  const args = Object.values(command.args);
  const flags = [...Object.entries(command.flags).map(flagPlace), help];
  const isAboutCommands = args.some(({ complete }) => complete === "command");
  const own = { ...place, flags, commands: isAboutCommands ? offersOf(root) : [], values: valuesOf(args) };
  return [own, ...(isAboutCommands ? namesBelow(path, root) : [])];
}

/** The places after `help`, which go as deep as the commands. */
function namesBelow(path: readonly string[], group: Group): readonly Place[] {
  return shownCommands(group).flatMap(([name, command]) => {
    if (!isGroup(command)) return [];
    const below = [...path, name];
    const place = {
      path: below.join(" "),
      isGroup: false,
      commands: offersOf(command),
      flags: [help],
      values: valuesOf([]),
    };
    return [place, ...namesBelow(below, command)];
  });
}

function offersOf(group: Group): readonly Offer[] {
  return shownCommands(group).map(([word, { summary }]) => ({ word, about: summary }));
}

function flagPlace([name, flag]: readonly [string, Flag]): FlagPlace {
  const words = [`--${name}`, ...(flag.short === undefined ? [] : [`-${flag.short}`])];
  return { words, about: flag.about, values: flag.value === undefined ? undefined : valuesOf([flag]) };
}

function valuesOf(specs: readonly (Argument | Flag)[]): Values {
  const complete = specs.map((spec) => spec.complete).find((kind) => kind !== undefined && kind !== "command");
  return { words: specs.flatMap(({ words = [] }) => words), complete };
}

/** What a shell asks the executable that is being completed for names, each on a line; nothing comes where no agent answers. */
export const namesQuestion = "services --names 2>/dev/null";

/** In single quotes, as all three shells read them. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
