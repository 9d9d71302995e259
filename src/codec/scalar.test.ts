// Single values as bytes, both ways.
import { describe, expect, test } from "bun:test";
import { hex, toHex } from "#test/hex.ts";
import { type Codec, decode, encode } from "./codec.ts";
import {
  cstring,
  fixed,
  i32,
  mapped,
  named,
  padding,
  presence,
  rest,
  u8,
  u16,
  u16be,
  u32,
  u32be,
  u64,
} from "./scalar.ts";

const color = named(u8, { red: 1, green: 2, crimson: 1 });
const tenth = mapped(
  u8,
  (n) => {
    if (n > 100) throw new RangeError(`${n} is too much`);
    return n / 10;
  },
  (n: number) => n * 10,
);

function row<T>(name: string, codec: Codec<T>, value: T, bytes: string) {
  return {
    name: `${name} of ${String(value)}`,
    check() {
      expect(toHex(encode(codec, value))).toBe(toHex(hex(bytes)));
      expect(decode(codec, hex(bytes))).toEqual(value);
    },
  };
}

describe("a value and its bytes", () => {
  const rows = [
    row("u8", u8, 255, "ff"),
    row("u16", u16, 0x0102, "0201"),
    row("u16be", u16be, 0x0102, "0102"),
    row("u32", u32, 0xfffefdfc, "fcfdfeff"),
    row("u32be", u32be, 0xfffefdfc, "fffefdfc"),
    row("i32", i32, -2, "feffffff"),
    row("i32", i32, 0x7fffffff, "ffffff7f"),
    row("u64", u64, 0x0102030405060708n, "0807060504030201"),
    row("u64", u64, 0xffffffffffffffffn, "ffffffffffffffff"),
    row("rest", rest, hex("0102"), "0102"),
    row("rest", rest, hex(""), ""),
    row("fixed", fixed(3), hex("010203"), "010203"),
    row("cstring", cstring, "eth0", "6574683000"),
    row("cstring", cstring, "ü", "c3bc00"),
    row("cstring", cstring, "", "00"),
    row("presence", presence, true, ""),
    row("padding", padding(2), undefined, "0000"),
    row("named", color, "red", "01"),
    row("named", color, "green", "02"),
    row("named", color, 77, "4d"),
    row("mapped", tenth, 2.5, "19"),
  ];
  for (const { name, check } of rows) test(name, check);
});

describe("decoding", () => {
  test("text ends at its zero, or with the field", () => {
    expect(decode(cstring, hex("6100ff"))).toBe("a");
    expect(decode(cstring, hex("6162"))).toBe("ab");
  });

  test("padding may hold anything", () => {
    expect(decode(padding(2), hex("ffff"))).toBeUndefined();
  });

  test("the first of two words for a number is used", () => {
    expect(decode(color, hex("01"))).toBe("red");
    expect(toHex(encode(color, "crimson"))).toBe("01");
  });

  test("a throw while reading names the field", () => {
    expect(() => decode(tenth, hex("65"), "size")).toThrow("Cannot decode size at byte 1: 101 is too much");
  });
});

describe("encoding refuses", () => {
  const rows: readonly (readonly [what: string, run: () => unknown, why: string])[] = [
    ["a byte of 256", () => encode(u8, 256), "256 does not fit 8 bits"],
    ["a negative number", () => encode(u16, -1), "-1 does not fit 16 bits"],
    ["a fraction", () => encode(u32be, 1.5), "1.5 does not fit 32 bits"],
    ["no number", () => encode(u32, Number.NaN), "NaN does not fit 32 bits"],
    ["a signed number too large", () => encode(i32, 0x80000000), "2147483648 does not fit a signed 32-bit field"],
    ["a negative 64-bit number", () => encode(u64, -1n), "-1 does not fit 64 bits"],
    ["a 65-bit number", () => encode(u64, 2n ** 64n), "18446744073709551616 does not fit 64 bits"],
    ["a zero byte in text", () => encode(cstring, "a\0b"), "has a zero byte inside"],
    ["too few bytes", () => encode(fixed(3), hex("01")), "A field of 3 bytes cannot hold 1"],
    ["a word without a number", () => encode(color as Codec<string>, "blue"), '"blue" is none of red, green, crimson'],
  ];
  for (const [what, run, why] of rows) {
    test(what, () => {
      expect(run).toThrow(why);
    });
  }
});
