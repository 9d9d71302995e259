// Ranges that an operator can give out, and those it refuses.

import { describe, expect, test } from "bun:test";
import { readBlockPools } from "./block-pools.ts";

function show(...ranges: readonly string[]): string {
  try {
    return readBlockPools(ranges, { ipv4: 24, ipv6: 64 })
      .map(({ range, blockLength }) => `${range} in /${blockLength}`)
      .join(", ");
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

describe("readBlockPools()", () => {
  const rows: readonly (readonly [what: string, ranges: readonly string[], outcome: string])[] = [
    ["takes none", [], ""],
    ["takes both families", ["10.244.0.0/16", "FD00:10:244::/56"], "10.244.0.0/16 in /24, fd00:10:244::/56 in /64"],
    ["takes a range that is one block", ["10.244.1.0/24"], "10.244.1.0/24 in /24"],
    ["refuses words", ["pods"], 'Cannot give out "pods": it is no block of addresses like 10.244.0.0/16'],
    [
      "refuses an address in a block",
      ["10.244.1.1/16"],
      "Cannot give out 10.244.1.1/16: the block is 10.244.0.0/16, name that",
    ],
    [
      "refuses a range smaller than a block",
      ["10.244.0.0/25"],
      "Cannot give out 10.244.0.0/25 in blocks of /24: none fits, name a wider range",
    ],
    [
      "refuses more blocks than anybody looks through",
      ["fd00::/40"],
      "Cannot give out fd00::/40 in blocks of /64: they are more than 65536, name a range of /48 or longer",
    ],
    [
      "refuses ranges that overlap",
      ["10.0.0.0/8", "10.244.0.0/16"],
      "Cannot give out 10.244.0.0/16: it overlaps 10.0.0.0/8, name ranges that do not",
    ],
  ];
  for (const [what, ranges, outcome] of rows) test(what, () => expect(show(...ranges)).toBe(outcome));
});
