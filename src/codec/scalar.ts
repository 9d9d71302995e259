// Codecs of single values: integers in both byte orders, strings, bytes, and words for numbers.

import { messageOf } from "#base/error-message.ts";
import type { Codec, Reader } from "./codec.ts";

export const u8: Codec<number> = unsigned(8, true);
export const u16: Codec<number> = unsigned(16, true);
export const u32: Codec<number> = unsigned(32, true);
/** Network byte order. */
export const u16be: Codec<number> = unsigned(16, false);
/** Network byte order. */
export const u32be: Codec<number> = unsigned(32, false);

export const i32: Codec<number> = {
  encode(writer, value) {
    if (!Number.isInteger(value) || value < -0x80000000 || value > 0x7fffffff) {
      throw new RangeError(`${value} does not fit a signed 32-bit field`);
    }
    const at = writer.reserve(4);
    writer.view().setInt32(at, value, true);
  },
  decode: (reader) => reader.view.getInt32(reader.take(4), true),
};

export const u64: Codec<bigint> = {
  encode(writer, value) {
    if (value < 0n || value > 0xffffffffffffffffn) throw new RangeError(`${value} does not fit 64 bits`);
    const at = writer.reserve(8);
    writer.view().setBigUint64(at, value, true);
  },
  decode: (reader) => reader.view.getBigUint64(reader.take(8), true),
};

/** Everything up to the end of the field. */
export const rest: Codec<Uint8Array> = {
  encode: (writer, value) => writer.append(value),
  decode: (reader) => reader.copy(reader.left),
};

/** A field that is there or not, without content: `true` when present. */
export const presence: Codec<true> = {
  encode: () => {},
  decode: () => true,
};

const utf8 = new TextEncoder();
const utf8Decoder = new TextDecoder();

/** Text with a terminating zero, up to the end of the field. */
export const cstring: Codec<string> = {
  encode(writer, value) {
    if (value.includes("\0")) throw new RangeError(`"${value}" has a zero byte inside`);
    writer.append(utf8.encode(value));
    writer.reserve(1);
  },
  decode(reader) {
    const bytes = reader.copy(reader.left);
    const end = bytes.indexOf(0);
    return utf8Decoder.decode(end < 0 ? bytes : bytes.subarray(0, end));
  },
};

/** `size` bytes that mean nothing: written as zero, skipped when read. */
export function padding(size: number): Codec<undefined> {
  return {
    encode: (writer) => {
      writer.reserve(size);
    },
    decode: (reader) => {
      reader.take(size);
      return undefined;
    },
  };
}

/** Exactly `size` bytes. */
export function fixed(size: number): Codec<Uint8Array> {
  return {
    encode(writer, value) {
      if (value.length !== size) throw new RangeError(`A field of ${size} bytes cannot hold ${value.length}`);
      writer.append(value);
    },
    decode: (reader) => reader.copy(size),
  };
}

/**
 * Words in memory for numbers on the wire: `named(u8, { kernel: 2, boot: 3 })`.
 * A number without a word stays a number, so that nothing unknown is lost.
 */
export function named<const Words extends Readonly<Record<string, number>>>(
  codec: Codec<number>,
  words: Words,
): Codec<(keyof Words & string) | number> {
  const byNumber = new Map<number, keyof Words & string>();
  for (const word of Object.keys(words) as (keyof Words & string)[]) {
    const number = words[word];
    if (number !== undefined && !byNumber.has(number)) byNumber.set(number, word);
  }
  return {
    encode(writer, value) {
      const number = typeof value === "number" ? value : words[value];
      if (number === undefined) {
        throw new RangeError(`"${String(value)}" is none of ${Object.keys(words).join(", ")}`);
      }
      codec.encode(writer, number);
    },
    decode(reader) {
      const number = codec.decode(reader);
      return byNumber.get(number) ?? number;
    },
  };
}

/** The same bytes seen as another type, by a pair of functions. A throw in `read` names the field. */
export function mapped<A, B>(codec: Codec<A>, read: (value: A) => B, write: (value: B) => A): Codec<B> {
  return {
    encode: (writer, value) => codec.encode(writer, write(value)),
    decode(reader: Reader) {
      const value = codec.decode(reader);
      try {
        return read(value);
      } catch (cause) {
        return reader.fail(messageOf(cause));
      }
    },
  };
}

function unsigned(bits: 8 | 16 | 32, littleEndian: boolean): Codec<number> {
  const size = bits / 8;
  const max = 2 ** bits - 1;
  return {
    encode(writer, value) {
      if (!Number.isInteger(value) || value < 0 || value > max) {
        throw new RangeError(`${value} does not fit ${bits} bits`);
      }
      const at = writer.reserve(size);
      if (bits === 8) writer.view().setUint8(at, value);
      else if (bits === 16) writer.view().setUint16(at, value, littleEndian);
      else writer.view().setUint32(at, value, littleEndian);
    },
    decode(reader) {
      const at = reader.take(size);
      if (bits === 8) return reader.view.getUint8(at);
      if (bits === 16) return reader.view.getUint16(at, littleEndian);
      return reader.view.getUint32(at, littleEndian);
    },
  };
}
