// Which rights a process lacks, by what the kernel says of it.

import { describe, expect, test } from "bun:test";
import { missingRights } from "./rights.ts";

describe("missingRights()", () => {
  const rows: readonly (readonly [status: string, missing: readonly string[]])[] = [
    ["Name:\ttwill\nCapPrm:\t0\nCapEff:\t000001ffffffffff\nCapBnd:\t0\n", []],
    ["CapPrm:\t000001ffffffffff\nCapEff:\t0000000000000000\n", ["CAP_NET_ADMIN", "CAP_SYS_ADMIN"]],
    ["CapEff:\t0000000000001000\n", ["CAP_SYS_ADMIN"]],
    ["CapEff:\t0000000000200000\n", ["CAP_NET_ADMIN"]],
    ["", ["CAP_NET_ADMIN", "CAP_SYS_ADMIN"]],
  ];
  for (const [status, missing] of rows) {
    test(`of ${JSON.stringify(status)}`, () => expect(missingRights(status)).toEqual([...missing]));
  }
});
