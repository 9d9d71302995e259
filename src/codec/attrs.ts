// Netlink attributes: type-length-value records, 4-byte aligned, nested at will (linux/netlink.h, struct nlattr).

import type { Codec, Reader, Writer } from "./codec.ts";
import { rest } from "./scalar.ts";

/** One attribute: its number and what it holds. */
export type Attr<T> = { readonly type: number; readonly codec: Codec<T>; readonly nested: boolean };

/** An attribute that the table does not name, kept as it came. */
export type RawAttr = { readonly type: number; readonly bytes: Uint8Array };

type AttrTable = Readonly<Record<string, Attr<never>>>;
export type AttrsOf<T> = {
  readonly [K in keyof T]?: (T[K] extends Attr<infer V> ? V : never) | undefined;
} & { readonly unknown?: readonly RawAttr[] | undefined };

/** NLA_F_NESTED. */
const nestedFlag = 0x8000;
/** The two top bits are flags: NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
const typeMask = 0x3fff;
const headerSize = 4;

/** An attribute of a number, with the codec of what it holds. */
export function attr<T>(type: number, codec: Codec<T>): Attr<T> {
  return { type, codec, nested: false };
}

/** An attribute that holds attributes; sent with NLA_F_NESTED, which strict parsers demand. */
export function nest<T>(type: number, codec: Codec<T>): Attr<T> {
  return { type, codec, nested: true };
}

/**
 * `attrs({ id: attr(1, u16), protocol: attr(5, u16be) })`: every field optional, written in table order. Attributes the
 * table does not name are kept in `unknown` and written back.
 */
export function attrs<T extends Readonly<Record<string, unknown>>>(
  table: T & { readonly [K in keyof T]: T[K] extends Attr<infer _> ? T[K] : never },
): Codec<AttrsOf<T>> {
  const entries = Object.entries(table as unknown as AttrTable);
  const byType = new Map(entries.map(([name, { type, codec }]) => [type, { name, codec }]));
  return {
    encode(writer: Writer, value: AttrsOf<T>) {
      const record = value as Readonly<Record<string, unknown>>;
      for (const [name, { type, codec, nested }] of entries) {
        const field = record[name];
        if (field !== undefined) writeAttr(writer, nested ? type | nestedFlag : type, codec, field as never);
      }
      for (const { type, bytes } of value.unknown ?? []) writeAttr(writer, type, rest, bytes);
    },
    decode(reader: Reader) {
      const out: Record<string, unknown> = {};
      const unknown: RawAttr[] = [];
      while (reader.left >= headerSize) {
        const { type, size } = readHeader(reader);
        const known = byType.get(type);
        if (known !== undefined) out[known.name] = known.codec.decode(reader.sub(size, known.name));
        else unknown.push({ type, bytes: reader.copy(size) });
        skipPadding(reader, size);
      }
      reader.take(reader.left);
      if (unknown.length > 0) out["unknown"] = unknown;
      return out as AttrsOf<T>;
    },
  };
}

/** A list of attributes, each of the same kind, whatever their numbers (IFLA_AF_SPEC's VLAN list, TCA tables). */
export function attrList<T>(type: number, codec: Codec<T>): Codec<readonly T[]> {
  return {
    encode(writer, values) {
      for (const value of values) writeAttr(writer, type, codec, value);
    },
    decode(reader) {
      const out: T[] = [];
      while (reader.left >= headerSize) {
        const { type: number, size } = readHeader(reader);
        const body = reader.sub(size, `attribute ${number}`);
        if (number === (type & typeMask)) out.push(codec.decode(body));
        skipPadding(reader, size);
      }
      reader.take(reader.left);
      return out;
    },
  };
}

/** The first attribute of a number, without a look at those behind it. @throws DecodeError */
export function findAttr<T>(reader: Reader, { type: wanted, codec }: Attr<T>): T | undefined {
  while (reader.left >= headerSize) {
    const { type, size } = readHeader(reader);
    if (type === wanted) return codec.decode(reader.sub(size, `attribute ${type}`));
    reader.take(size);
    skipPadding(reader, size);
  }
  return undefined;
}

/** Writes header, content and padding; `type` with its flags. @throws RangeError beyond 65,535 bytes */
export function writeAttr<T>(writer: Writer, type: number, codec: Codec<T>, value: T): void {
  const start = writer.reserve(headerSize);
  codec.encode(writer, value);
  const length = writer.length - start;
  if (length > 0xffff) throw new RangeError(`Attribute ${type & typeMask} has ${length} bytes: at most 65535 fit`);
  writer.view().setUint16(start, length, true);
  writer.view().setUint16(start + 2, type, true);
  writer.align(4);
}

/** Reads up to an attribute's content: its number without the flags, and the content's size. */
function readHeader(reader: Reader): { readonly type: number; readonly size: number } {
  const start = reader.take(headerSize);
  const length = reader.view.getUint16(start, true);
  const type = reader.view.getUint16(start + 2, true) & typeMask;
  if (length < headerSize) reader.fail(`attribute ${type} claims ${length} bytes, less than its header`);
  return { type, size: length - headerSize };
}

function skipPadding(reader: Reader, size: number): void {
  reader.take(Math.min(reader.left, (4 - (size % 4)) % 4));
}
