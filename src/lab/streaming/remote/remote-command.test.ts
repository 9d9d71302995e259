// What a client asks for, the sizes of its terminal, and how a program's end is told.

import { describe, expect, test } from "bun:test";
import { statusOfExit, terminalSizes, wantedStreams } from "./remote-command.ts";

async function* pieces(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

describe("wantedStreams()", () => {
  const rows: readonly (readonly [query: string, streams: string])[] = [
    ["input=1&output=1&error=1", "stdin stdout stderr"],
    ["output=true&error=0", "stdout"],
    ["input=1&output=1&error=1&tty=1", "stdin stdout tty"],
    ["", ""],
  ];
  for (const [query, streams] of rows) {
    test(`${query || "nothing"} asks for ${streams || "nothing"}`, () => {
      const wanted = Object.entries(wantedStreams(new URLSearchParams(query)));
      expect(wanted.flatMap(([name, isWanted]) => (isWanted ? [name] : [])).join(" ")).toBe(streams);
    });
  }
});

describe("terminalSizes()", () => {
  const rows: readonly (readonly [texts: readonly string[], sizes: readonly string[]])[] = [
    [['{"Width":80,"Height":24}\n{"Width":100,"Height":50}\n'], ["80x24", "100x50"]],
    [['{"Wid', 'th":80,"Height"', ":24}"], ["80x24"]],
    [["nonsense {} {1}", '{"Width":-1,"Height":2}{"Width":70000,"Height":2}', '{"Width":1,"Height":2}'], ["1x2"]],
    [[`{${" ".repeat(5000)}`, '{"Width":1,"Height":2}'], ["1x2"]],
  ];
  for (const [texts, sizes] of rows) {
    test(`finds ${sizes.join(" and ")} in ${JSON.stringify(texts.join("|").slice(0, 60))}`, async () => {
      const found = await Array.fromAsync(terminalSizes(pieces(...texts)));
      expect(found.map(({ columns, rows }) => `${columns}x${rows}`)).toEqual([...sizes]);
    });
  }
});

test("an exit code is told by a Status with a cause, and 0 by success", () => {
  expect(statusOfExit(0)).toMatchObject({ status: "Success" });
  expect(statusOfExit(3)).toMatchObject({
    ...{ status: "Failure", reason: "NonZeroExitCode" },
    details: { causes: [{ reason: "ExitCode", message: "3" }] },
  });
});
