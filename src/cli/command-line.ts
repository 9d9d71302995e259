// From the words after `twill` to a command, its arguments and its flags.

import { nearest } from "#base/nearest.ts";
import {
  type Argument,
  type Command,
  type Flag,
  type GivenWords,
  type Group,
  isGroup,
  type Leaf,
  shownCommands,
  UsageError,
} from "./command.ts";

/** A command and the names that lead to it: `["cni", "add"]`. */
export type Found = { readonly path: readonly string[]; readonly command: Command };

/** Follows `words` from `root` through groups as far as they are names; what is left over are the command's own words. */
export function findCommand(root: Group, words: readonly string[]): Found & { readonly rest: readonly string[] } {
  let command: Command = root;
  let depth = 0;
  for (; isGroup(command); depth++) {
    const name = words[depth] ?? "";
    const next: Command | undefined = Object.hasOwn(command.commands, name) ? command.commands[name] : undefined;
    if (next === undefined) break;
    command = next;
  }
  return { path: words.slice(0, depth), command, rest: words.slice(depth) };
}

/** The error for a group whose next word is none of its commands. */
export function unknownCommand(group: Group, word: string | undefined): UsageError {
  const names = shownCommands(group).map(([name]) => name);
  if (word === undefined) return new UsageError(`a command is missing: ${names.join(", ")}`);
  return new UsageError(`there is no command "${word}"${suggestion(nearest(word, names), '"')}`);
}

/** Whether the words ask for help: `-h` or `--help` as a flag, not as the value of one. */
export function asksForHelp(command: Command, words: readonly string[]): boolean {
  if (isGroup(command)) return words[0] === "-h" || words[0] === "--help";
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    if (word === "--") return false;
    if (word === "-h" || word === "--help") return true;
    const flag = flagOf(command, word);
    if (flag?.spec.value !== undefined && flag.given === undefined) at++;
  }
  return false;
}

/** Reads a command's own words by its declaration. @throws UsageError */
export function parseGiven(leaf: Leaf, words: readonly string[], env: ReadonlyMap<string, string>): GivenWords {
  const places: string[] = [];
  const found = new Map<string, string[]>();
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    if (word === "--") {
      places.push(...words.slice(at + 1));
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      places.push(word);
      continue;
    }
    const flag = flagOf(leaf, word);
    if (flag === undefined) throw unknownFlag(leaf, word);
    const { name, spec } = flag;
    if (spec.value === undefined) {
      if (flag.given !== undefined) throw new UsageError(`flag --${name} takes no value, found "${flag.given}"`);
      found.set(name, ["true"]);
      continue;
    }
    const value = flag.given ?? words[++at];
    if (value === undefined) throw new UsageError(`flag --${name} needs a value: --${name} ${spec.value}`);
    const earlier = found.get(name);
    if (earlier !== undefined && spec.repeated !== true) throw new UsageError(`flag --${name} is given twice`);
    found.set(name, [...(earlier ?? []), value]);
  }
  const flags = Object.entries(leaf.flags).map(([name, spec]) => [name, flagValue(name, spec, found.get(name), env)]);
  return { args: argumentValues(leaf, places), flags: Object.fromEntries(flags) };
}

type FoundFlag = { readonly name: string; readonly spec: Flag; readonly given: string | undefined };

/** `--name`, `--name=value`, `-n`, `-nvalue`, `-n=value`. */
function flagOf({ flags }: Leaf, word: string): FoundFlag | undefined {
  const [, long, given] = /^--([^=]+)(?:=(.*))?$/s.exec(word) ?? [];
  if (long !== undefined) {
    const spec = Object.hasOwn(flags, long) ? flags[long] : undefined;
    return spec === undefined ? undefined : { name: long, spec, given };
  }
  const [, letter, equals, rest = ""] = /^-([^-])(=?)(.*)$/s.exec(word) ?? [];
  const entry = Object.entries(flags).find(([, { short }]) => short !== undefined && short === letter);
  if (entry === undefined) return undefined;
  return { name: entry[0], spec: entry[1], given: rest === "" && equals === "" ? undefined : rest };
}

function flagValue(name: string, spec: Flag, words: readonly string[] | undefined, env: ReadonlyMap<string, string>) {
  if (spec.value === undefined) return words !== undefined;
  const read = (text: string) => readValue(`--${name}`, spec, text);
  if (spec.repeated === true) return (words ?? []).map(read);
  const inherited = spec.env === undefined ? undefined : env.get(spec.env);
  const [text = inherited === "" ? undefined : inherited] = words ?? [];
  if (text !== undefined) return readValue(words === undefined ? `variable ${spec.env}` : `--${name}`, spec, text);
  return spec.default === undefined ? undefined : read(spec.default);
}

function argumentValues(leaf: Leaf, places: readonly string[]): Readonly<Record<string, unknown>> {
  const values: Record<string, unknown> = {};
  let at = 0;
  for (const [name, spec] of Object.entries(leaf.args)) {
    const shown = argumentName(name);
    const read = (text: string) => readValue(shown, spec, text);
    if (spec.repeated === true) {
      values[name] = places.slice(at).map(read);
      if (spec.optional !== true && at >= places.length) throw missingArgument(shown, spec);
      at = places.length;
      continue;
    }
    const text = places[at++];
    if (text !== undefined && text !== "") values[name] = read(text);
    else if (spec.optional !== true) throw missingArgument(shown, spec);
  }
  const extra = places[at];
  if (extra === undefined) return values;
  throw new UsageError(`unexpected argument "${extra}"`);
}

function missingArgument(shown: string, { about }: Argument): UsageError {
  return new UsageError(`${shown} is missing: ${about}`);
}

/** How an argument is called in help and errors: `NETWORK`. */
export function argumentName(name: string): string {
  return name.toUpperCase();
}

function readValue(shown: string, { words, parse }: Argument | Flag, text: string): unknown {
  if (words !== undefined && !words.includes(text)) {
    throw new UsageError(`${shown} must be one of ${words.join(", ")}, found "${text}"`);
  }
  if (parse === undefined) return text;
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`${shown} ${error.message}, found "${text}"`, { cause: error });
  }
}

function unknownFlag({ flags }: Leaf, word: string): UsageError {
  const name = word.replace(/=.*$/s, "");
  const known = Object.keys(flags).map((flag) => `--${flag}`);
  return new UsageError(`there is no flag ${name}${suggestion(nearest(name, known), "")}`);
}

function suggestion(word: string | undefined, quote: string): string {
  return word === undefined ? "" : `: did you mean ${quote}${word}${quote}?`;
}
