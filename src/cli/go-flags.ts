// Command line flags as Go's package `flag` has them: -name value, -name=value, --name, and durations like 1m30s.

import { CniError, ErrorCode } from "#cni/error.ts";

type Kind = "text" | "switch";

/** What was given; a flag that was not is absent. */
export type Flags<K extends Readonly<Record<string, Kind>>> = {
  readonly [N in keyof K]?: K[N] extends "switch" ? boolean : string;
};

/** @throws CniError 4 for an unknown flag, a missing value, or an argument that is no flag. */
export function parseFlags<const K extends Readonly<Record<string, Kind>>>(
  args: readonly string[],
  kinds: K,
): Flags<K> | "help" {
  const found: Record<string, string | boolean> = {};
  for (let at = 0; at < args.length; at++) {
    const argument = args[at] ?? "";
    const [, name, given] = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(argument) ?? [];
    if (name === undefined) throw invalid(`unexpected argument "${argument}"`);
    if (!Object.hasOwn(kinds, name)) {
      if (name === "h" || name === "help") return "help";
      throw invalid(`unknown flag -${name}: known are ${Object.keys(kinds).join(", ")}`);
    }
    if (kinds[name] === "switch") found[name] = given === undefined || parseSwitch(name, given);
    else {
      const value = given ?? args[++at];
      if (value === undefined) throw invalid(`flag -${name} needs a value`);
      found[name] = value;
    }
  }
  return found as Flags<K>;
}

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** `1m30s` in milliseconds. @throws CniError 4 */
export function parseDuration(flag: string, text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  const milliseconds = parts.reduce((sum, [, number, unit = ""]) => sum + Number(number) * (units[unit] ?? 0), 0);
  if (parts.map(([part]) => part).join("") === text && milliseconds > 0) return milliseconds;
  throw invalid(`flag -${flag} must be a time above zero like 10s or 1m30s, found "${text}"`);
}

function parseSwitch(name: string, text: string): boolean {
  if (/^(1|t|true)$/i.test(text)) return true;
  if (/^(0|f|false)$/i.test(text)) return false;
  throw invalid(`flag -${name} must be true or false, found "${text}"`);
}

function invalid(problem: string): CniError {
  return new CniError(ErrorCode.invalidEnvironment, problem);
}
