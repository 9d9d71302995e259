// The options field of a DHCPv4 message: code, length, bytes (RFC 2132, section 2), long options in pieces (RFC 3396).

import type { Codec, Reader } from "#codec/codec.ts";
import { u8 } from "#codec/scalar.ts";

/** Option code to its bytes. */
export type OptionList = ReadonlyMap<number, Uint8Array>;

const pad = 0;
const end = 255;
const maxPiece = 255;

/** Reads up to the end option or the end of the field; what follows the end option is padding. */
export const optionList: Codec<OptionList> = {
  encode(writer, options) {
    for (const [code, bytes] of options) {
      if (code <= pad || code >= end) throw new RangeError(`${code} is no option code: use 1 to 254`);
      for (let at = 0; at === 0 || at < bytes.length; at += maxPiece) {
        const piece = bytes.subarray(at, at + maxPiece);
        u8.encode(writer, code);
        u8.encode(writer, piece.length);
        writer.append(piece);
      }
    }
    u8.encode(writer, end);
  },
  decode(reader) {
    const options = new Map<number, Uint8Array>();
    readOptions(reader, options);
    return options;
  },
};

/** Adds to `options`; an option that comes again goes on where it ended (RFC 3396, section 7). */
export function readOptions(reader: Reader, options: Map<number, Uint8Array>): void {
  while (reader.left > 0) {
    const code = u8.decode(reader);
    if (code === pad) continue;
    if (code === end) break;
    const bytes = reader.sub(u8.decode(reader), `option ${code}`);
    const before = options.get(code);
    const piece = bytes.copy(bytes.left);
    options.set(code, before === undefined ? piece : new Uint8Array(Buffer.concat([before, piece])));
  }
  reader.take(reader.left);
}
