// Files stay small enough to be read at one sitting, and each says in its first line what lives in it.
import { describe, expect, test } from "bun:test";
import { readTree } from "./tree.ts";

const maxLines = 400;
const folders = ["src", "test", "bench", "tools", "shim", "pod", "bpf"];
const endings = [".ts", ".c", ".h", ".sh", ".proto"];

// Longer files, each with the reason why it cannot be two.
const longer: Readonly<Record<string, string>> = {};

/** How many lines a file has; the last one need not end with a line feed. */
function countLines(text: string): number {
  return text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
}

/** Whether the first line is a comment with words in it; a script's first line is its interpreter, there the second counts. */
function startsWithComment(text: string): boolean {
  const lines = text.split("\n");
  const line = lines[0]?.startsWith("#!") ? lines[1] : lines[0];
  return /^(\/\/ *|\/\* *|# +)[^\s*/]/.test(line ?? "");
}

describe("the sizes", () => {
  const files = readTree(folders, endings);

  test("there are files to look at", () => {
    expect(files.length).toBeGreaterThan(0);
  });

  test(`no file has more than ${maxLines} lines without a reason`, () => {
    const tooLong = files
      .map(({ path, text }) => ({ path, lines: countLines(text) }))
      .filter(({ path, lines }) => lines > maxLines && longer[path] === undefined);
    expect(tooLong).toEqual([]);
  });

  test("the files with a reason still need it", () => {
    const needed = files.filter(({ text }) => countLines(text) > maxLines).map(({ path }) => path);
    expect(Object.keys(longer).filter((path) => !needed.includes(path))).toEqual([]);
  });

  test("every file's first line says what lives in it", () => {
    expect(files.filter(({ text }) => !startsWithComment(text)).map(({ path }) => path)).toEqual([]);
  });

  const rows: readonly (readonly [text: string, lines: number, comment: boolean])[] = [
    ["// Addresses.\nexport {};\n", 2, true],
    ["/* Addresses. */", 1, true],
    ["#!/bin/sh\n# Builds it.\n", 2, true],
    ["#!/bin/sh\nset -eu\n", 2, false],
    ["#include <stdio.h>\n", 1, false],
    ["// `twill` itself.\n", 1, true],
    ["//\nexport {};\n", 2, false],
    ["export {};\n", 1, false],
    ["\n// Too late.\n", 2, false],
  ];
  for (const [text, lines, comment] of rows) {
    test(`${JSON.stringify(text)} has ${lines} lines and ${comment ? "a" : "no"} first comment`, () => {
      expect([countLines(text), startsWithComment(text)]).toEqual([lines, comment]);
    });
  }
});
