// The cursors that codecs read from and write to.
import { describe, expect, test } from "bun:test";
import { hex, toHex } from "#test/hex.ts";
import { DecodeError, decode, encode, Reader, Writer } from "./codec.ts";
import { u8, u16, u32 } from "./scalar.ts";
import { struct } from "./struct.ts";

describe("Writer", () => {
  test("grows beyond its first buffer and keeps what was written", () => {
    const writer = new Writer();
    for (let i = 0; i < 2000; i++) u16.encode(writer, i);
    const bytes = writer.finish();
    expect(bytes).toHaveLength(4000);
    expect(new DataView(bytes.buffer).getUint16(3998, true)).toBe(1999);
  });

  test("grows at once by more than twice its size", () => {
    const writer = new Writer();
    u8.encode(writer, 7);
    const start = writer.reserve(100_000);
    expect([start, writer.length, writer.finish()[0]]).toEqual([1, 100_001, 7]);
  });

  test("pads with zeros to a boundary, and not when there already", () => {
    const writer = new Writer();
    writer.align(4);
    writer.append(hex("010203"));
    writer.align(4);
    writer.align(4);
    expect(toHex(writer.finish())).toBe("01020300");
  });

  test("hands out a copy", () => {
    const writer = new Writer();
    u8.encode(writer, 1);
    const first = writer.finish();
    first[0] = 9;
    expect(writer.finish()).toEqual(hex("01"));
  });
});

describe("Reader", () => {
  test("sees only its window, also of a part of a larger buffer", () => {
    const bytes = hex("ff 01 02 03 ff").subarray(1, 4);
    const reader = new Reader(bytes);
    expect([reader.left, u8.decode(reader), reader.left]).toEqual([3, 1, 2]);
    expect(u8.decode(reader.sub(1, "inner"))).toBe(2);
    expect(u8.decode(reader)).toBe(3);
    expect(() => u8.decode(reader)).toThrow("needs 1 byte, 0 left");
  });

  test("hands out copies", () => {
    const bytes = hex("0102");
    const copy = new Reader(bytes).copy(2);
    copy[0] = 9;
    expect(bytes[0]).toBe(1);
  });
});

describe("decode()", () => {
  test("gives back what encode() was given", () => {
    expect(decode(u32, encode(u32, 0xdeadbeef))).toBe(0xdeadbeef);
  });

  test("names the field from the outside in, and the byte", () => {
    const outer = struct({
      kind: u8,
      inner: { encode: () => {}, decode: (r: Reader) => u16.decode(r.sub(1, "vlan")) },
    });
    let error: unknown;
    try {
      decode(outer, hex("0105"), "link");
    } catch (thrown) {
      error = thrown;
    }
    if (!(error instanceof DecodeError)) throw new Error("No DecodeError was thrown");
    expect(error.message).toBe("Cannot decode link.vlan at byte 1: needs 2 bytes, 1 left");
    expect([error.code, error.path, error.offset]).toEqual(["DECODE", "link.vlan", 1]);
  });

  test("leaves nothing over", () => {
    expect(() => decode(u8, hex("0102"))).toThrow("Cannot decode the message at byte 1: 1 bytes left over");
  });
});
