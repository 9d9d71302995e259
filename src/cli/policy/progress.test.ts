// What takes long says how far it is, once a second, and what is quick says nothing.

import { expect, test } from "bun:test";
import { progressOn } from "./progress.ts";

test("progressOn() speaks once a second, after the first one", () => {
  const lines: string[] = [];
  let nowMs = 5_000;
  const progress = progressOn(
    (text) => lines.push(text),
    "rows filled",
    () => nowMs,
  );
  for (const [atMs, done] of [
    [5_000, 0],
    [5_900, 10],
    [6_000, 11],
    [6_500, 20],
    [7_400, 31],
    [7_500, 32],
  ] as const) {
    nowMs = atMs;
    progress(done, 40);
  }
  expect(lines).toEqual(["11 of 40 rows filled\n", "31 of 40 rows filled\n"]);
});
