// The ways around the compiler, the linter and the passed-in clock stay closed.
import { describe, expect, test } from "bun:test";
import { readTree } from "./tree.ts";

type Rule = {
  readonly what: string;
  readonly pattern: RegExp;
  /** Which files it holds for. */
  readonly where: RegExp;
  readonly why: string;
};

const everywhere = /\.ts$/;
// Command lines are entry points: they print, and they read the clock to hand it on.
const belowEntryPoints = /^src\/(?!cli\/)(?!.*\.(test|guest)\.ts$)/;

const rules: readonly Rule[] = [
  {
    what: "a silenced compiler",
    pattern: /@ts-(ignore|expect-error|nocheck)/,
    where: everywhere,
    why: "give it the type",
  },
  {
    what: "a silenced linter",
    pattern: /biome-ignore/,
    where: everywhere,
    why: "change the code, or the rule for all",
  },
  {
    what: "a lone test",
    pattern: /\b(test|describe|it)\.only\(/,
    where: everywhere,
    why: "it would switch off all others",
  },
  { what: "printing", pattern: /\bconsole\.\w+\(/, where: belowEntryPoints, why: "only src/cli/ talks to people" },
  {
    what: "a clock",
    pattern: /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(/,
    where: belowEntryPoints,
    why: "pass time in",
  },
  { what: "a dice", pattern: /\bMath\.random\(/, where: belowEntryPoints, why: "pass randomness in" },
];

/** What a file does against the rules, a sentence each. */
function faultsOf(path: string, text: string): string[] {
  return text
    .split("\n")
    .flatMap((line, index) =>
      rules
        .filter(({ pattern, where }) => where.test(path) && pattern.test(line))
        .map(({ what, why }) => `${path}:${index + 1} has ${what}: ${why}`),
    );
}

describe("the ways around the rules", () => {
  test("are taken nowhere", () => {
    // This file spells them all out.
    const files = readTree(["src", "test", "bench", "tools"], [".ts"]).filter(
      ({ path }) => !path.endsWith("/escapes.test.ts"),
    );
    expect(files.flatMap(({ path, text }) => faultsOf(path, text))).toEqual([]);
  });

  const rows: readonly (readonly [path: string, text: string, what: string | undefined])[] = [
    ["src/net/a.ts", "// @ts-expect-error no types", "a silenced compiler"],
    ["tools/a.ts", "// biome-ignore lint: no", "a silenced linter"],
    ["src/net/a.ts", "const known = value as Route;", undefined],
    ["src/net/a.test.ts", 'test.only("a", () => {});', "a lone test"],
    ["src/net/a.ts", "console.log(route)", "printing"],
    ["src/cli/a.ts", "console.log(route)", undefined],
    ["src/net/a.test.ts", "console.log(route)", undefined],
    ["src/net/a.ts", "const now = Date.now();", "a clock"],
    ["src/cli/main.ts", "run(Date.now)", undefined],
    ["src/net/a.ts", "new Date(at)", undefined],
    ["src/net/a.ts", "Math.random()", "a dice"],
  ];
  for (const [path, text, what] of rows) {
    test(`${what ?? "nothing"} is found in ${path}: ${text}`, () => {
      const faults = faultsOf(path, text);
      expect(faults.map((fault) => /has (.*):/.exec(fault)?.[1])).toEqual(what === undefined ? [] : [what]);
    });
  }
});
