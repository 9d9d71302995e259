// Classes of htb as values, as bytes and as text.
import { describe, expect, test } from "bun:test";
import { Reader } from "#codec/codec.ts";
import { hex, toHex } from "#test/hex.ts";
import { addHtbClass, type HtbClass, readHtbClass, removeHtbClass } from "./htb-class.ts";
import { handle } from "./tc.ts";

const htb: HtbClass = {
  ...{ ifindex: 10, parent: handle(1), classId: handle(1, 0x30), priority: 3 },
  ...{ rateBytes: 1_250_000, burstBytes: 20_480, ceilBytes: 12_500_000_000, ceilBurstBytes: 10_000_000 },
};
const bytes = hex(`
  00000000 0a000000 30000100 00000100 00000000    # struct tcmsg
  0800 0100 68746200                              # TCA_KIND
  4000 0200                                       # TCA_OPTIONS
    3000 0100                                     # TCA_HTB_PARMS
      00 01 0000 0000 0000 d0121300               # rate
      00 01 0000 0000 0000 ffffffff               # ceil
      00e80300 d4300000 00000000 00000000 03000000 # 16.384 ms, 0.8 ms in ticks of 64 ns; quantum, level, priority
    0c00 0700 00dd0ee9 02000000                   # TCA_HTB_CEIL64`);

describe("a class", () => {
  test("is the same as bytes", () => {
    const request = addHtbClass(htb);
    expect(request.text).toBe("add class 1:30 htb rate 1250000 B/s ceil 12500000000 B/s dev #10");
    expect(toHex(request.body)).toBe(toHex(bytes));
    expect(readHtbClass(new Reader(bytes))).toEqual(htb);
  });

  test("of another kind is none", () => {
    const other = hex("00000000 0a000000 30000100 00000100 00000000 0800 0100 64727200");
    expect(readHtbClass(new Reader(other))).toBeUndefined();
  });

  test("is removed by its number alone", () => {
    expect(removeHtbClass(htb).text).toBe("remove class 1:30 dev #10");
    expect(toHex(removeHtbClass(htb).body)).toBe(toHex(hex("00000000 0a000000 30000100 00000000 00000000")));
  });
});
