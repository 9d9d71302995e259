// Netlink attributes as bytes: aligned, nested, repeated, unknown.
import { describe, expect, test } from "bun:test";
import { hex, toHex } from "#test/hex.ts";
import { attr, attrList, attrs, nest } from "./attrs.ts";
import { decode, encode, type Infer } from "./codec.ts";
import { cstring, presence, rest, u8, u16, u32 } from "./scalar.ts";

const vlan = attrs({ id: attr(1, u16), protocol: attr(5, u16) });
const link = attrs({ name: attr(3, cstring), up: attr(4, presence), vlan: nest(18, vlan), mtu: attr(0, u32) });

const rows: readonly (readonly [what: string, value: Infer<typeof link>, bytes: string])[] = [
  ["nothing", {}, ""],
  ["text, padded to four bytes", { name: "eth0" }, "0900 0300 6574683000 000000"],
  ["presence", { up: true }, "0400 0400"],
  ["type 0", { mtu: 1500 }, "0800 0000 dc050000"],
  ["nested ones with NLA_F_NESTED", { vlan: { id: 42 } }, "0c00 1280 0600 0100 2a00 0000"],
  ["an empty nest", { vlan: {} }, "0400 1280"],
  ["several, in the table's order", { up: true, name: "a" }, "0600 0300 6100 0000 0400 0400"],
  [
    "unknown ones, behind the known",
    { up: true, unknown: [{ type: 99, bytes: hex("010203") }] },
    "0400 0400 0700 6300 010203 00",
  ],
  [
    "unknown ones within a nest",
    { vlan: { id: 1, unknown: [{ type: 7, bytes: hex("") }] } },
    "1000 1280 0600 0100 0100 0000 0400 0700",
  ],
];

describe("attrs()", () => {
  for (const [what, value, bytes] of rows) {
    test(`writes and reads ${what}`, () => {
      expect(toHex(encode(link, value))).toBe(toHex(hex(bytes)));
      expect(decode(link, hex(bytes))).toEqual(value);
    });
  }

  test("reads any order, and a nest without its flag", () => {
    expect(decode(link, hex("0c00 1200 0600 0100 2a00 0000 0600 0300 6100 0000"))).toEqual({
      ...{ vlan: { id: 42 }, name: "a" },
    });
  });

  test("leaves out what is undefined", () => {
    expect(encode(link, { name: undefined, vlan: { id: undefined } })).toEqual(hex("0400 1280"));
  });

  test("reads a last attribute without its padding", () => {
    expect(decode(link, hex("0600 0300 6100"))).toEqual({ name: "a" });
  });

  test("ignores an end too short for a header", () => {
    expect(decode(link, hex("0400 0400 0000"))).toEqual({ up: true });
  });

  test("takes the last of a repeated one", () => {
    expect(decode(link, hex("0600 0300 6100 0000 0600 0300 6200 0000"))).toEqual({ name: "b" });
  });

  const broken: readonly (readonly [what: string, bytes: string, why: string])[] = [
    ["a length below the header's", "0300 0300", "attribute 3 claims 3 bytes, less than its header"],
    ["more content than there is", "0900 0300 6574", "needs 5 bytes, 2 left"],
    ["a field that is too short", "0600 0000 0100 0000", "Cannot decode link.mtu at byte 4: needs 4 bytes, 2 left"],
    ["a short field in a nest", "0a00 1280 0500 0100 01000000", "Cannot decode link.vlan.id at byte 8"],
  ];
  for (const [what, bytes, why] of broken) {
    test(`refuses ${what}`, () => {
      expect(() => decode(link, hex(bytes), "link")).toThrow(why);
    });
  }

  test("refuses to write more than an attribute holds", () => {
    const large = attrs({ data: attr(7, rest) });
    expect(() => encode(large, { data: new Uint8Array(65_532) })).toThrow("Attribute 7 has 65536 bytes");
    expect(encode(large, { data: new Uint8Array(65_531) })).toHaveLength(65_536);
  });
});

describe("attrList()", () => {
  const list = attrList(2, u8);

  test("writes and reads all of one kind", () => {
    const bytes = hex("0500 0200 07000000 0500 0200 08000000");
    expect(encode(list, [7, 8])).toEqual(bytes);
    expect(decode(list, bytes)).toEqual([7, 8]);
  });

  test("passes over other kinds", () => {
    expect(decode(list, hex("0500 0100 01000000 0500 0200 08000000"))).toEqual([8]);
  });

  test("may be empty", () => {
    expect(encode(list, [])).toEqual(hex(""));
    expect(decode(list, hex(""))).toEqual([]);
  });
});
