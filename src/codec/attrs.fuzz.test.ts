// Laws of attributes: what was written is read back, and no bytes make the reader do anything but answer or refuse.
import { describe, expect, test } from "bun:test";
import { forEachSeed, type Random } from "#test/random.ts";
import { attr, attrList, attrs, nest, type RawAttr } from "./attrs.ts";
import { DecodeError, decode, encode, type Infer } from "./codec.ts";
import { cstring, named, padding, presence, rest, u8, u16be, u64 } from "./scalar.ts";
import { struct } from "./struct.ts";

const inner = attrs({
  word: attr(2, named(u8, { up: 1, down: 2 })),
  list: nest(3, attrList(1, u16be)),
  big: attr(4, u64),
});
const outer = struct({
  kind: u8,
  pad: padding(3),
  attrs: attrs({ name: attr(1, cstring), flag: attr(2, presence), inner: nest(3, inner), data: attr(4, rest) }),
});
type Outer = Infer<typeof outer>;
const seeds = 500;

function anyInner(random: Random): Infer<typeof inner> {
  return defined({
    word: random.maybe(() => random.pick(["up", "down", 7] as const)),
    list: random.maybe(() => random.list(4, () => random.below(0x10000))),
    big: random.maybe(() => (BigInt(random.u32()) << 32n) | BigInt(random.u32())),
    unknown: unknown(random),
  });
}

function anyOuter(random: Random): Outer {
  const fields = {
    name: random.maybe(() => random.text(random.int(0, 20))),
    flag: random.maybe(() => true as const),
    inner: random.maybe(() => anyInner(random)),
    data: random.maybe(() => random.bytes(random.int(0, 40))),
    unknown: unknown(random),
  };
  return { kind: random.below(256), attrs: defined(fields) };
}

function unknown(random: Random): readonly RawAttr[] | undefined {
  const list = random.list(2, () => ({ type: random.int(10, 0x3fff), bytes: random.bytes(random.int(0, 9)) }));
  return list.length === 0 ? undefined : list;
}

function defined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;
}

describe("codecs", () => {
  test("decode(encode(v)) = v", () => {
    forEachSeed(seeds, (random) => {
      const value = anyOuter(random);
      expect(decode(outer, encode(outer, value))).toEqual(value);
    });
  });

  test("all that is written is aligned", () => {
    forEachSeed(seeds, (random) => {
      expect(encode(outer, anyOuter(random)).length % 4).toBe(0);
    });
  });

  test("bytes that lie are read or refused with a DecodeError", () => {
    forEachSeed(seeds, (random) => {
      const bytes = encode(outer, anyOuter(random));
      for (let i = random.int(1, 4); i > 0; i--) bytes[random.below(bytes.length)] = random.below(256);
      const cut = bytes.subarray(0, random.chance(3) ? random.int(0, bytes.length) : bytes.length);
      try {
        decode(outer, cut);
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
        expect(error.offset).toBeLessThanOrEqual(cut.length);
      }
    });
  });

  test("what was read is written back so that it reads the same", () => {
    forEachSeed(seeds, (random) => {
      const bytes = encode(outer, anyOuter(random));
      bytes[random.below(bytes.length)] = random.below(256);
      let value: Outer;
      try {
        value = decode(outer, bytes);
      } catch {
        return;
      }
      expect(decode(outer, encode(outer, value))).toEqual(value);
    });
  });
});
