// Frames of SPDY/3.1 as tables: eight bytes of head, then what the type has.
//
//     control:  1 | version:15 | type:16 | flags:8 | length:24 | …
//     data:     0 | stream:31            | flags:8 | length:24 | …

import { type Codec, decode, encode, type Infer } from "#codec/codec.ts";
import { named, rest, u8, u32be } from "#codec/scalar.ts";
import { struct } from "#codec/struct.ts";
import { ProtocolError } from "#lab/streaming/bytes.ts";

export const frameHeadSize = 8;
/** FLAG_FIN: the sender's side of the stream ends with this frame. */
export const finFlag = 0x01;
const version = 3;
const streamMask = 0x7fff_ffff;
/** `length` has 24 bits. */
export const maxPayload = 0xff_ffff;

/** SPDY/3 section 2.6.3. */
const resetReasons = {
  protocolError: 1,
  invalidStream: 2,
  refusedStream: 3,
  unsupportedVersion: 4,
  cancel: 5,
  internalError: 6,
  flowControlError: 7,
  streamInUse: 8,
  streamAlreadyClosed: 9,
  frameTooLarge: 11,
} as const;

const setting = struct({ idAndFlags: u32be, value: u32be });
export const initialWindowSetting = 7;

const bodies = {
  synStream: struct({ streamId: u32be, associatedId: u32be, priority: u8, slot: u8, headers: rest }),
  synReply: struct({ streamId: u32be, headers: rest }),
  rstStream: struct({ streamId: u32be, reason: named(u32be, resetReasons) }),
  settings: struct({ count: u32be, settings: rest }),
  ping: struct({ id: u32be }),
  goAway: struct({ lastStreamId: u32be, reason: named(u32be, { ok: 0, protocolError: 1, internalError: 2 }) }),
  headers: struct({ streamId: u32be, headers: rest }),
  windowUpdate: struct({ streamId: u32be, delta: u32be }),
};
type Bodies = typeof bodies;

const types: Readonly<Record<keyof Bodies, number>> = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
  windowUpdate: 9,
};
const typeNames = new Map(Object.entries(types).map(([name, type]) => [type, name as keyof Bodies]));

export type ControlFrame = {
  [Type in keyof Bodies]: { readonly type: Type; readonly flags: number; readonly body: Infer<Bodies[Type]> };
}[keyof Bodies];

/** The first eight bytes. A control frame of a type that nobody knows has `type` undefined. */
export type FrameHead = { readonly flags: number; readonly length: number } & (
  | { readonly kind: "control"; readonly type: keyof Bodies | undefined }
  | { readonly kind: "data"; readonly streamId: number }
);

/** @throws ProtocolError for another version. */
export function decodeFrameHead(bytes: Uint8Array): FrameHead {
  const view = new DataView(bytes.buffer, bytes.byteOffset, frameHeadSize);
  const first = view.getUint32(0);
  const second = view.getUint32(4);
  const rest = { flags: second >>> 24, length: second & maxPayload };
  if (first <= streamMask) return { kind: "data", streamId: first, ...rest };
  const theirs = (first >>> 16) & 0x7fff;
  if (theirs !== version) throw new ProtocolError(`A frame of SPDY version ${theirs}, only ${version} is spoken`);
  return { kind: "control", type: typeNames.get(first & 0xffff), ...rest };
}

/** @throws DecodeError */
export function decodeControlFrame(type: keyof Bodies, flags: number, body: Uint8Array): ControlFrame {
  const codec = bodies[type] as Codec<ControlFrame["body"]>;
  return { type, flags, body: decode(codec, body, type) } as ControlFrame;
}

export function encodeControlFrame({ type, flags, body }: ControlFrame): Uint8Array {
  const bytes = encode(bodies[type] as Codec<ControlFrame["body"]>, body);
  const head = frameHead(0x8000_0000 + version * 0x1_0000 + types[type], flags, bytes.length);
  return Buffer.concat([head, bytes]);
}

/** A data frame; `bytes` at most `maxPayload`. */
export function encodeDataFrame(streamId: number, flags: number, bytes: Uint8Array): Uint8Array {
  return Buffer.concat([frameHead(streamId, flags, bytes.length), bytes]);
}

function frameHead(first: number, flags: number, length: number): Uint8Array {
  if (length > maxPayload) throw new RangeError(`A frame of ${length} bytes: at most ${maxPayload} fit`);
  const head = Buffer.alloc(frameHeadSize);
  head.writeUInt32BE(first, 0);
  head.writeUInt32BE(flags * 0x100_0000 + length, 4);
  return head;
}

/** The value of a setting; undefined when the frame does not have it. @throws DecodeError */
export function settingOf({ settings }: Infer<Bodies["settings"]>, id: number): number | undefined {
  const size = 8;
  for (let at = 0; at + size <= settings.length; at += size) {
    const { idAndFlags, value } = decode(setting, settings.subarray(at, at + size), "setting");
    if ((idAndFlags & maxPayload) === id) return value;
  }
  return undefined;
}
