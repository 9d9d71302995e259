// What nodes ask one another through the overlay to find out whose checksums arrive: a datagram and its answer.

import { decode, encode, type Infer } from "#codec/codec.ts";
import { fixed, named, rest, u32be } from "#codec/scalar.ts";
import { struct } from "#codec/struct.ts";
import { type Ip, ipBytes, ipFromBytes } from "#net/ip.ts";

/** Where nodes ask and answer, through the overlay only. */
export const probePort = 8473;
/** "twl1" */
const magic = 0x7477_6c31;
export const tokenBytes = 8;

const message = struct({
  magic: u32be,
  kind: named(u32be, { ask: 1, answer: 2 }),
  token: fixed(tokenBytes),
  from: rest,
});

export type ProbeMessage = {
  readonly kind: "ask" | "answer";
  /** Hexadecimal: an answer repeats what nobody else knows. */
  readonly token: string;
  /** The sender's node. */
  readonly from: Ip;
};

/** The datagram's payload; `token` must have `tokenBytes` bytes. */
export function encodeProbe({ kind, token, from }: ProbeMessage): Uint8Array {
  const value: Infer<typeof message> = { magic, kind, token: Uint8Array.fromHex(token), from: ipBytes(from) };
  return encode(message, value);
}

/** Undefined for whatever else somebody sends. */
export function decodeProbe(bytes: Uint8Array): ProbeMessage | undefined {
  const ends = [4, 16].map((length) => 8 + tokenBytes + length);
  if (!ends.includes(bytes.length)) return undefined;
  const { magic: found, kind, token, from } = decode(message, bytes);
  if (found !== magic || (kind !== "ask" && kind !== "answer")) return undefined;
  return { kind, token: token.toHex(), from: ipFromBytes(from) };
}
