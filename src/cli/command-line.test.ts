// How words become a command, its arguments and its flags.

import { describe, expect, test } from "bun:test";
import { type Group, leaf, outputFlag, UsageError } from "./command.ts";
import { asksForHelp, findCommand, parseGiven } from "./command-line.ts";

const load = async () => async () => 0;

const serve = leaf({
  summary: "serves",
  args: { folder: { about: "what to serve" }, more: { about: "others", optional: true, repeated: true } },
  flags: {
    loud: { short: "l", about: "say more" },
    port: { short: "p", value: "PORT", env: "PORT", default: "80", parse: parsePort, about: "where" },
    tag: { value: "TAG", repeated: true, about: "words" },
    name: { value: "NAME", about: "what it is called" },
    ...outputFlag,
  },
  load,
});

const root: Group = {
  summary: "",
  commands: { lab: { summary: "", commands: { serve } }, stop: leaf({ summary: "", load }) },
};

function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port)) throw new UsageError("must be a number");
  return port;
}

const preset = { loud: false, port: 80, tag: [], name: undefined, output: "text" };

describe("parseGiven()", () => {
  const rows: readonly (readonly [words: readonly string[], flags: object, more?: readonly string[]])[] = [
    [["/x"], {}],
    [["/x", "y", "z"], {}, ["y", "z"]],
    [["--loud", "/x", "--port", "8080"], { loud: true, port: 8080 }],
    [["-l", "-p8080", "/x"], { loud: true, port: 8080 }],
    [["/x", "-p=8080", "-ojson"], { port: 8080, output: "json" }],
    [["/x", "--tag", "a", "--tag=b=c"], { tag: ["a", "b=c"] }],
    [["/x", "--name=", "--tag", "--loud"], { name: "", tag: ["--loud"] }],
    [["/x", "--", "--loud", "-"], {}, ["--loud", "-"]],
  ];
  for (const [words, flags, more = []] of rows) {
    test(`reads ${words.join(" ")}`, () => {
      expect(parseGiven(serve, words, new Map())).toEqual({
        args: { folder: "/x", more },
        flags: { ...preset, ...flags },
      });
    });
  }

  test("a variable stands for a flag that is not given, unless it is empty", () => {
    const portWith = (value: string, words: readonly string[] = []) =>
      parseGiven(serve, ["/x", ...words], new Map([["PORT", value]])).flags["port"];
    expect([portWith("81"), portWith("81", ["-p", "82"]), portWith("")]).toEqual([81, 82, 80]);
    expect(() => portWith("x")).toThrow('variable PORT must be a number, found "x"');
  });

  const wrong: readonly (readonly [words: readonly string[], problem: string])[] = [
    [[], "FOLDER is missing: what to serve"],
    [["/x", "--lout"], "there is no flag --lout: did you mean --loud?"],
    [["/x", "--nonsense=1"], "there is no flag --nonsense"],
    [["/x", "-z"], "there is no flag -z"],
    [["/x", "--loud=yes"], 'flag --loud takes no value, found "yes"'],
    [["/x", "--name"], "flag --name needs a value: --name NAME"],
    [["/x", "--name", "a", "--name", "b"], "flag --name is given twice"],
    [["/x", "-o", "yaml"], '--output must be one of text, json, found "yaml"'],
    [["/x", "-p", "x"], '--port must be a number, found "x"'],
    [["/x", "--toString"], "there is no flag --toString"],
  ];
  for (const [words, problem] of wrong) {
    test(`refuses "${words.join(" ")}"`, () => {
      expect(() => parseGiven(serve, words, new Map())).toThrow(new UsageError(problem));
    });
  }
});

test("findCommand() goes as deep as the names do", () => {
  const found = (...words: readonly string[]) => {
    const { path, rest } = findCommand(root, words);
    return [path.join(" "), rest.join(" ")];
  };
  expect(found("lab", "serve", "/x", "lab")).toEqual(["lab serve", "/x lab"]);
  expect(found("lab", "-h")).toEqual(["lab", "-h"]);
  expect(found("constructor")).toEqual(["", "constructor"]);
  expect(found()).toEqual(["", ""]);
});

test("asksForHelp() tells a flag from a value and from what comes after --", () => {
  for (const words of [["-h"], ["/x", "--help"], ["-p8080", "-h"]]) expect(asksForHelp(serve, words)).toBe(true);
  for (const words of [["/x"], ["--name", "-h"], ["--", "-h"]]) expect(asksForHelp(serve, words)).toBe(false);
  expect([asksForHelp(root, ["-h"]), asksForHelp(root, ["stopp", "-h"])]).toEqual([true, false]);
});
