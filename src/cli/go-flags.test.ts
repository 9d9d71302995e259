// Flags as Go programs take them.
import { describe, expect, test } from "bun:test";
import { cniErrorOf } from "#test/thrown.ts";
import { parseDuration, parseFlags } from "./go-flags.ts";

const kinds = { path: "text", loud: "switch" } as const;

describe("parseFlags()", () => {
  const rows: readonly (readonly [readonly string[], unknown])[] = [
    [[], {}],
    [["-path", "/x"], { path: "/x" }],
    [["--path=/x=y"], { path: "/x=y" }],
    [["-path="], { path: "" }],
    [["-loud"], { loud: true }],
    [["-loud=false", "-path", "-loud"], { loud: false, path: "-loud" }],
    [["-h"], "help"],
    [["--help"], "help"],
  ];
  for (const [args, flags] of rows) {
    test(`reads ${args.join(" ")}`, () => {
      expect(parseFlags(args, kinds)).toEqual(flags as never);
    });
  }

  const wrong: readonly (readonly [readonly string[], string])[] = [
    [["path"], 'unexpected argument "path"'],
    [["-path"], "flag -path needs a value"],
    [["-quiet"], "unknown flag -quiet: known are path, loud"],
    [["-loud=maybe"], 'must be true or false, found "maybe"'],
  ];
  for (const [args, problem] of wrong) {
    test(`refuses ${args.join(" ")}`, () => {
      expect(cniErrorOf(() => parseFlags(args, kinds)).message).toContain(problem);
    });
  }
});

describe("parseDuration()", () => {
  const rows: readonly (readonly [string, number])[] = [
    ["10s", 10_000],
    ["1m30s", 90_000],
    ["500ms", 500],
    ["1.5h", 5_400_000],
  ];
  for (const [text, ms] of rows) test(`reads ${text}`, () => expect(parseDuration("timeout", text)).toBe(ms));
  for (const text of ["", "10", "s", "10s!", "0s", "-1s"]) {
    test(`refuses "${text}"`, () => {
      expect(cniErrorOf(() => parseDuration("timeout", text)).message).toContain(`found "${text}"`);
    });
  }
});
