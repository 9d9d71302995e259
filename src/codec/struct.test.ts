// Structs as bytes: fields in their order, padding unseen.
import { describe, expect, test } from "bun:test";
import { hex, toHex } from "#test/hex.ts";
import { decode, encode } from "./codec.ts";
import { padding, u8, u16, u16be, u32 } from "./scalar.ts";
import { struct } from "./struct.ts";

const header = struct({ family: u8, pad: padding(1), port: u16be, inner: struct({ a: u16, b: u32 }) });

describe("struct()", () => {
  const value = { family: 2, port: 0x1234, inner: { a: 1, b: 2 } };
  const bytes = "02 00 1234 0100 02000000";

  test("writes and reads its fields in order", () => {
    expect(toHex(encode(header, value))).toBe(toHex(hex(bytes)));
    expect(decode(header, hex(bytes))).toEqual(value);
  });

  test("does not show padding, whatever it holds", () => {
    expect(Object.keys(decode(header, hex("02 ff 1234 0100 02000000")))).toEqual(["family", "port", "inner"]);
  });

  test("needs all of its fields", () => {
    expect(() => decode(header, hex("02 00 1234 0100 0200"))).toThrow("needs 4 bytes, 2 left");
  });
});
