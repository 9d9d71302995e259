// Frames of WebSocket (RFC 6455, section 5.2).
//
//     fin:1 | 0:3 | opcode:4 | mask:1 | length:7 [| length:16 or 64] [| key:32] | …

import type { ByteReader } from "#lab/streaming/byte-reader.ts";
import { ProtocolError } from "#lab/streaming/bytes.ts";

const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
export type Opcode = keyof typeof opcodes;
const opcodeNames = new Map(Object.entries(opcodes).map(([name, code]) => [code as number, name as Opcode]));

export type Frame = { readonly fin: boolean; readonly opcode: Opcode; readonly payload: Uint8Array };

/** "All control frames MUST have a payload length of 125 bytes or less and MUST NOT be fragmented." */
const maxControlPayload = 125;
const maskSize = 4;

/** A client's next frame; undefined when the client has gone. @throws ProtocolError, also for more than `maxPayload` bytes. */
export async function readFrame(reader: ByteReader, maxPayload: number): Promise<Frame | undefined> {
  const head = await reader.take(2);
  if (head === undefined) return undefined;
  const [first = 0, second = 0] = head;
  const opcode = opcodeNames.get(first & 0x0f);
  const fin = first >= 0x80;
  if ((first & 0x70) !== 0 || opcode === undefined)
    throw new ProtocolError(`A frame begins with ${first.toString(16)}`);
  // "A server MUST close the connection upon receiving a frame that is not masked."
  if (second < 0x80) throw new ProtocolError("A client's frame must be masked");
  const length = await readLength(reader, second & 0x7f);
  if (opcodes[opcode] >= opcodes.close && (!fin || length > maxControlPayload))
    throw new ProtocolError(`A ${opcode} frame of ${length} bytes, or in parts`);
  if (length > maxPayload) throw new ProtocolError(`A frame of ${length} bytes, at most ${maxPayload} are taken`);
  const key = await takeAll(reader, maskSize);
  return { fin, opcode, payload: mask(await takeAll(reader, length), key) };
}

/** A server's frame: whole, and never masked. The payload is put together from parts. */
export function encodeFrame(opcode: Opcode, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const extra = length < 126 ? 0 : length < 0x1_0000 ? 2 : 8;
  const head = Buffer.alloc(2 + extra);
  head[0] = 0x80 | opcodes[opcode];
  head[1] = extra === 0 ? length : extra === 2 ? 126 : 127;
  if (extra === 2) head.writeUInt16BE(length, 2);
  if (extra === 8) head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, ...parts]);
}

async function readLength(reader: ByteReader, short: number): Promise<number> {
  if (short < 126) return short;
  const size = short === 126 ? 2 : 8;
  const bytes = await takeAll(reader, size);
  const view = new DataView(bytes.buffer, bytes.byteOffset, size);
  return size === 2 ? view.getUint16(0) : Number(view.getBigUint64(0));
}

async function takeAll(reader: ByteReader, size: number): Promise<Uint8Array> {
  const bytes = await reader.take(size);
  if (bytes === undefined) throw new ProtocolError("The stream ended within a frame");
  return bytes;
}

/** Masks, or takes the mask off. */
function mask(payload: Uint8Array, key: Uint8Array): Uint8Array {
  const clear = new Uint8Array(payload);
  for (let i = 0; i < clear.length; i++) clear[i] = (clear[i] ?? 0) ^ (key[i % maskSize] ?? 0);
  return clear;
}
