// Rules as values, as bytes and as text.
import { describe, expect, test } from "bun:test";
import { Reader } from "#codec/codec.ts";
import { cidr } from "#net/cidr.ts";
import { hex, toHex } from "#test/hex.ts";
import { addRule, type Rule, readRule, removeRule } from "./rule.ts";

const rows: readonly (readonly [Rule, text: string, bytes: string])[] = [
  [
    { family: "ipv4", src: cidr("10.0.0.5/32"), table: 100, priority: 1000, action: "table" },
    "priority 1000 from 10.0.0.5/32 lookup 100",
    `02 00 20 00  64 00 00 01  00000000 # family, lengths, tos; table, action; flags
     0800 0200 0a000005                 # FRA_SRC
     0800 0600 e8030000                 # FRA_PRIORITY
     0800 0f00 64000000                 # FRA_TABLE`,
  ],
  [
    {
      ...{ family: "ipv6", dst: cidr("fd00::/64"), iif: "lo", oif: "eth7", mark: { value: 0x10, mask: 0xff } },
      ...{ invert: true, priority: 7, table: 7000, action: "table" },
    },
    "priority 7 not from all to fd00::/64 iif lo oif eth7 fwmark 0x10/0xff lookup 7000",
    `0a 40 00 00  fc 00 00 01  02000000                    # RT_TABLE_COMPAT; FIB_RULE_INVERT
     1400 0100 fd000000 00000000 00000000 00000000         # FRA_DST
     0700 0300 6c6f0000                                    # FRA_IIFNAME
     0800 0600 07000000
     0800 0a00 10000000                                    # FRA_FWMARK
     0800 0f00 581b0000
     0800 1000 ff000000                                    # FRA_FWMASK
     0900 1100 65746837 00000000                           # FRA_OIFNAME`,
  ],
  [
    { family: "ipv4", priority: 9, action: "blackhole" },
    "priority 9 from all blackhole",
    "02 00 00 00  00 00 00 06  00000000  0800 0600 09000000",
  ],
  [
    { family: "ipv4", priority: 9, action: 77 },
    "priority 9 from all 77",
    "02 00 00 00  00 00 00 4d  00000000  0800 0600 09000000",
  ],
];

describe("a rule", () => {
  for (const [rule, text, bytes] of rows) {
    test(`"${text}" is the same as bytes`, () => {
      const request = addRule(rule);
      expect(request.text).toBe(`add rule ${text}`);
      expect(toHex(request.body)).toBe(toHex(hex(bytes)));
      expect(readRule(new Reader(hex(bytes)))).toEqual(rule);
      expect(removeRule(rule).body).toEqual(request.body);
    });
  }

  test("reads the table of the header where the attribute is missing", () => {
    expect(readRule(new Reader(hex("02000000 fe000001 00000000")))).toEqual({
      ...{ family: "ipv4", priority: 0, table: 254, action: "table" },
    });
  });

  test("refuses a block of the other family", () => {
    expect(() => addRule({ family: "ipv6", src: cidr("10.0.0.0/8"), table: 1, action: "table" })).toThrow(
      "Cannot make an ipv6 rule for 10.0.0.0/8: it is of the other family",
    );
  });
});
