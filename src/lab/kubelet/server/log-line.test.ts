// Lines of logs, and which of them are asked for.
import { describe, expect, test } from "bun:test";
import { formatLogLine, parseLogLine, parseLogOptions, selectLines } from "./log-line.ts";

const log = [
  "2026-01-02T03:04:01.5Z stdout F one",
  "2026-01-02T03:04:02Z stderr P tw",
  "2026-01-02T03:04:02Z stderr F o",
  "2026-01-02T03:04:03Z stdout F ",
  "2026-01-02T03:04:04Z stdout F four and more",
].flatMap((line) => parseLogLine(line) ?? []);

/** What a reader gets for a query. */
function read(query: string): string {
  const options = parseLogOptions(new URLSearchParams(query), Date.parse("2026-01-02T03:04:05Z"));
  return selectLines(log, options)
    .map((line) => formatLogLine(line, options.timestamps))
    .join("");
}

describe("logs", () => {
  const rows: readonly (readonly [query: string, text: string])[] = [
    ["", "one\ntwo\n\nfour and more\n"],
    ["tailLines=0", ""],
    ["tailLines=1", "four and more\n"],
    ["tailLines=3", "two\n\nfour and more\n"],
    ["tailLines=9", "one\ntwo\n\nfour and more\n"],
    ["sinceSeconds=2", "\nfour and more\n"],
    ["sinceTime=2026-01-02T03:04:04Z", "four and more\n"],
    ["sinceSeconds=2&tailLines=1&timestamps=true", "2026-01-02T03:04:04Z four and more\n"],
    ["tailLines=nonsense", "one\ntwo\n\nfour and more\n"],
  ];
  for (const [query, text] of rows) test(query || "all", () => expect(read(query)).toBe(text));

  test("what is no line of a log is passed over", () => {
    expect(["", "x", "2026 stdout X y", "2026 elsewhere F y"].map(parseLogLine)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});
