// The machine's own statistics of neighbours, as text.

import { describe, expect, test } from "bun:test";
import { countFullTables } from "./neighbours.ts";

describe("countFullTables()", () => {
  const rows: readonly (readonly [what: string, text: string, count: number])[] = [
    ["of all processors", "entries  allocs table_fulls\n00000008 0000629a 0000000a\n00000008 00006ec7 00000010\n", 26],
    ["none on kernels that do not count them", "entries allocs\n00000008 0000629a\n", 0],
    ["none of an empty file", "", 0],
  ];
  for (const [what, text, count] of rows) test(`counts ${what}`, () => expect(countFullTables(text)).toBe(count));
});
