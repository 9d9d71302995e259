// Ranges: what a configured one means, and which are refused.
import { describe, expect, test } from "bun:test";
import { type IfAddr, ifAddr } from "#net/cidr.ts";
import { type Ip, ip } from "#net/ip.ts";
import { cniErrorOf } from "#test/thrown.ts";
import { formatRangeSet, type RangeConf, rangeOf, rangeSet, requireDisjoint, sizeOf } from "./range.ts";

/** `10.0.0.0/24 from 10.0.0.5 to 10.0.0.9 gw 10.0.0.2` */
function conf(text: string): RangeConf {
  const [subnet = "", ...words] = text.split(" ");
  const value = (word: string): Ip | undefined =>
    words.includes(word) ? ip(words[words.indexOf(word) + 1] ?? "") : undefined;
  const [rangeStart, rangeEnd, gateway] = [value("from"), value("to"), value("gw")];
  return {
    subnet: ifAddr(subnet) as IfAddr,
    ...(rangeStart === undefined ? {} : { rangeStart }),
    ...(rangeEnd === undefined ? {} : { rangeEnd }),
    ...(gateway === undefined ? {} : { gateway }),
  };
}

const set = (...texts: readonly string[]) => rangeSet(texts.map(conf), "invalid range set 0");

describe("rangeSet()", () => {
  const good: readonly (readonly [texts: readonly string[], shown: string, size: bigint])[] = [
    [["10.0.0.0/24"], "10.0.0.1-10.0.0.254", 253n],
    [["10.0.0.0/30"], "10.0.0.1-10.0.0.2", 1n],
    [["10.0.0.0/24 from 10.0.0.5 to 10.0.0.9"], "10.0.0.5-10.0.0.9", 5n],
    [["10.0.0.0/24 from 10.0.0.5 to 10.0.0.9 gw 10.0.0.6"], "10.0.0.5-10.0.0.9", 4n],
    [["10.0.0.0/24 from 10.0.0.0 to 10.0.0.255"], "10.0.0.0-10.0.0.255", 255n],
    [["10.0.0.0/24 from 10.0.0.7 to 10.0.0.7"], "10.0.0.7-10.0.0.7", 1n],
    [["10.0.0.0/29", "10.1.0.0/29"], "10.0.0.1-10.0.0.6,10.1.0.1-10.1.0.6", 10n],
    [["10.0.0.0/24 to 10.0.0.9", "10.0.0.0/24 from 10.0.0.20"], "10.0.0.1-10.0.0.9,10.0.0.20-10.0.0.254", 243n],
    [["fd00::/126"], "fd00::1-fd00::3", 2n],
    [["fd00::/64"], "fd00::1-fd00::ffff:ffff:ffff:ffff", 2n ** 64n - 2n],
  ];
  for (const [texts, shown, size] of good) {
    test(`${texts.join(" and ")} is ${shown}`, () => {
      expect([formatRangeSet(set(...texts)), sizeOf(set(...texts))]).toEqual([shown, size]);
    });
  }

  const bad: readonly (readonly [texts: readonly string[], message: string])[] = [
    [[], "empty range set"],
    [["10.0.0.1/24"], "has host bits set for a prefix length of 24, the network is 10.0.0.0/24"],
    [["fd00::1/64"], "has host bits set"],
    [["10.0.0.0/31"], "Network 10.0.0.0/31 too small to allocate from, take /30"],
    [["fd00::/127"], "too small to allocate from, take /126"],
    [["10.0.0.0/24 gw 10.0.1.1"], "gateway 10.0.1.1 not in network 10.0.0.0/24"],
    [["10.0.0.0/24 gw fd00::1"], "gateway fd00::1 not in network 10.0.0.0/24"],
    [["10.0.0.0/24 from 10.0.1.5"], "rangeStart 10.0.1.5 not in network"],
    [["10.0.0.0/24 to 10.0.1.5"], "rangeEnd 10.0.1.5 not in network"],
    [["10.0.0.0/24 from fd00::5"], "rangeStart fd00::5 not in network"],
    [
      ["10.0.0.0/24 from 10.0.0.9 to 10.0.0.5"],
      "rangeEnd 10.0.0.5 is in network 10.0.0.0/24 but before start 10.0.0.9",
    ],
    [["10.0.0.0/24", "fd00::/64"], "mixed address families"],
    [["10.0.0.0/24", "10.0.0.0/16"], "ranges 10.0.0.1-10.0.0.254 and 10.0.0.1-10.0.255.254 overlap"],
    [["10.0.0.0/24 to 10.0.0.9", "10.0.0.0/24 from 10.0.0.9"], "overlap"],
  ];
  for (const [texts, message] of bad) {
    test(`${texts.join(" and ") || "nothing"} is refused`, () => {
      const error = cniErrorOf(() => set(...texts));
      expect(error.message).toContain(message);
      expect(error.message).toStartWith("invalid range set 0: ");
      expect(error.code).toBe(7);
    });
  }
});

test("rangeOf() finds the range of an address, its ends included", () => {
  const pool = set("10.0.0.0/24 from 10.0.0.5 to 10.0.0.9", "10.1.0.0/25");
  const rows = ["10.0.0.4", "10.0.0.5", "10.0.0.9", "10.0.0.10", "10.1.0.126", "::a00:5"];
  const lengths = rows.map((text) => rangeOf(pool, ip(text))?.prefixLength);
  expect(lengths).toEqual([undefined, 24, 24, undefined, 25, undefined]);
});

test("requireDisjoint() names the sets that share addresses", () => {
  expect(() => requireDisjoint([set("10.0.0.0/24"), set("fd00::/64"), set("10.1.0.0/24")])).not.toThrow();
  const error = cniErrorOf(() => requireDisjoint([set("10.0.0.0/24"), set("fd00::/64"), set("10.0.0.128/25")]));
  expect(error.message).toContain("range set 0 overlaps with 2: 10.0.0.1-10.0.0.254 and 10.0.0.129-10.0.0.254");
});
