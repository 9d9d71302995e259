// Messages of D-Bus, as far as calls with strings and their answers need them (D-Bus Specification 0.43, "Message Protocol").

import { DecodeError, Reader, Writer } from "#codec/codec.ts";
import { cstring, u8, u32 } from "#codec/scalar.ts";

/** A method of an object on the bus, and its arguments: all of them strings. */
export type MethodCall = {
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly args: readonly string[];
};

/** What answers a call: values, or the name of an error and what it says. */
export type Reply =
  | { readonly replySerial: number; readonly values: readonly Value[] }
  | { readonly replySerial: number; readonly error: string; readonly text: string };

type Value = string | number | boolean;

/**
 *      0        1        2         3         4             8        12
 *     ┌────────┬────────┬─────────┬─────────┬─────────────┬────────┬────────────────────┬────────┬──────┐
 *     │ 'l'    │ type   │ flags   │ version │ body length │ serial │ array of fields    │ to 8   │ body │
 *     └────────┴────────┴─────────┴─────────┴─────────────┴────────┴────────────────────┴────────┴──────┘
 * Each value starts at a multiple of its size, each field at a multiple of 8, counted from the message's first byte.
 */
const littleEndian = 0x6c;
const version = 1;
const MessageType = { call: 1, return: 2, error: 3 } as const;
/** Nothing is started for our sake. */
const noAutoStart = 2;
const Field = { path: 1, interface: 2, member: 3, error: 4, replySerial: 5, destination: 6, signature: 8 } as const;

/** Bytes up to the end of the length of the fields' array. */
export const fixedBytes = 16;
/** The specification's own limit is 128 MiB; nobody whom we ask says that much. */
const maxBytes = 1024 * 1024;

/** `serial` is not zero. */
export function encodeCall(call: MethodCall, serial: number): Uint8Array {
  const body = new Writer();
  for (const arg of call.args) writeString(body, arg);
  const writer = new Writer();
  for (const byte of [littleEndian, MessageType.call, noAutoStart, version]) u8.encode(writer, byte);
  for (const word of [body.length, serial]) u32.encode(writer, word);
  const lengthAt = writer.reserve(4);
  const start = writer.length;
  writeField(writer, Field.path, "o", call.path);
  writeField(writer, Field.interface, "s", call.interface);
  writeField(writer, Field.member, "s", call.member);
  writeField(writer, Field.destination, "s", call.destination);
  if (call.args.length > 0) writeField(writer, Field.signature, "g", "s".repeat(call.args.length));
  writer.view().setUint32(lengthAt, writer.length - start, true);
  writer.align(8);
  writer.append(body.finish());
  return writer.finish();
}

/** How long the message is that begins here; undefined when too little of it is there to tell. @throws DecodeError */
export function lengthOfMessage(bytes: Uint8Array): number | undefined {
  if (bytes.length < fixedBytes) return undefined;
  const reader = new Reader(bytes, 0, bytes.length, "message");
  if (u8.decode(reader) !== littleEndian) reader.fail("its byte order is not little endian");
  reader.take(3);
  const bodyBytes = u32.decode(reader);
  reader.take(4);
  const total = Math.ceil((fixedBytes + u32.decode(reader)) / 8) * 8 + bodyBytes;
  if (total > maxBytes) reader.fail(`${total} bytes are more than ${maxBytes}`);
  return total;
}

/** Undefined for a message that answers nothing: a signal. @throws DecodeError */
export function decodeReply(bytes: Uint8Array): Reply | undefined {
  const reader = new Reader(bytes, 0, bytes.length, "message");
  reader.take(1);
  const type = u8.decode(reader);
  reader.take(10);
  const fields = reader.sub(u32.decode(reader), "fields");
  const found = new Map<number, Value>();
  while (fields.left > 0) {
    align(fields, 8);
    const code = u8.decode(fields);
    found.set(code, readValue(fields, readSignature(fields)));
  }
  const replySerial = found.get(Field.replySerial);
  if (typeof replySerial !== "number") return undefined;
  align(reader, 8);
  const values = readBody(reader, String(found.get(Field.signature) ?? ""));
  if (type === MessageType.return) return { replySerial, values };
  if (type !== MessageType.error) return undefined;
  const [text] = values;
  return { replySerial, error: String(found.get(Field.error) ?? ""), text: typeof text === "string" ? text : "" };
}

function readBody(reader: Reader, signature: string): readonly Value[] {
  return [...signature].map((type) => readValue(reader, type));
}

function readValue(reader: Reader, type: string): Value {
  switch (type) {
    case "y":
      return u8.decode(reader);
    case "u":
      align(reader, 4);
      return u32.decode(reader);
    case "b":
      align(reader, 4);
      return u32.decode(reader) !== 0;
    case "g":
      return readSignature(reader);
    case "s":
    case "o": {
      align(reader, 4);
      return readText(reader, u32.decode(reader));
    }
    default:
      throw new DecodeError(reader.path, reader.offset, `a value of type "${type}" is not known`);
  }
}

function readSignature(reader: Reader): string {
  return readText(reader, u8.decode(reader));
}

function readText(reader: Reader, size: number): string {
  return cstring.decode(reader.sub(size + 1, "text"));
}

function align(reader: Reader, boundary: number): void {
  reader.take((boundary - (reader.offset % boundary)) % boundary);
}

function writeField(writer: Writer, code: number, type: string, value: string): void {
  writer.align(8);
  u8.encode(writer, code);
  writeSignature(writer, type);
  if (type === "g") writeSignature(writer, value);
  else writeString(writer, value);
}

function writeString(writer: Writer, value: string): void {
  writer.align(4);
  u32.encode(writer, Buffer.byteLength(value));
  cstring.encode(writer, value);
}

function writeSignature(writer: Writer, value: string): void {
  u8.encode(writer, value.length);
  cstring.encode(writer, value);
}
