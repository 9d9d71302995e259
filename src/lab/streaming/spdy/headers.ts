// Headers of SPDY: names and values with their lengths, through one stream of zlib for each direction (SPDY/3 section 2.6.10).

import { constants, createInflate, type Inflate } from "node:zlib";
import { type Codec, decode, encode } from "#codec/codec.ts";
import { u32be } from "#codec/scalar.ts";
import { ProtocolError } from "#lab/streaming/bytes.ts";
import { headerDictionary } from "./dictionary.ts";

/** Names in lower case. */
export type Headers = ReadonlyMap<string, string>;

const maxPairs = 256;
/** Of one block, when it is unpacked: a few bytes can stand for very many. */
export const maxHeaderBytes = 64 * 1024;

const text: Codec<string> = {
  encode(writer, value) {
    const bytes = Buffer.from(value);
    u32be.encode(writer, bytes.length);
    writer.append(bytes);
  },
  decode: (reader) => Buffer.from(reader.copy(u32be.decode(reader))).toString(),
};

/** A count, then name and value of each. */
export const headerBlock: Codec<Headers> = {
  encode(writer, headers) {
    u32be.encode(writer, headers.size);
    for (const [name, value] of headers) {
      text.encode(writer, name.toLowerCase());
      text.encode(writer, value);
    }
  },
  decode(reader) {
    const count = u32be.decode(reader);
    if (count > maxPairs) reader.fail(`${count} headers, at most ${maxPairs} are taken`);
    const headers = new Map<string, string>();
    for (let i = 0; i < count; i++) {
      const name = text.decode(reader).toLowerCase();
      headers.set(name, text.decode(reader));
    }
    return headers;
  },
};

/** Unpacks the peer's header blocks, each after the one before it. */
export class HeaderReader implements Disposable {
  readonly #inflate: Inflate = createInflate({ dictionary: headerDictionary });
  #pieces: Uint8Array[] = [];
  #size = 0;
  #fail = (_error: Error) => {};

  constructor() {
    this.#inflate.on("data", (piece: Uint8Array) => {
      this.#size += piece.length;
      if (this.#size > maxHeaderBytes) this.#fail(new ProtocolError(`Headers have over ${maxHeaderBytes} bytes`));
      else this.#pieces.push(piece);
    });
    this.#inflate.on("error", ({ message }) => this.#fail(new ProtocolError(`Headers cannot be unpacked: ${message}`)));
  }

  /** @throws ProtocolError, DecodeError: the connection cannot go on then. */
  async read(block: Uint8Array): Promise<Headers> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    [this.#pieces, this.#size, this.#fail] = [[], 0, reject];
    this.#inflate.write(block);
    this.#inflate.flush(constants.Z_SYNC_FLUSH, () => resolve());
    await promise;
    return decode(headerBlock, Buffer.concat(this.#pieces), "headers");
  }

  [Symbol.dispose](): void {
    this.#fail = () => {};
    this.#inflate.destroy();
  }
}

/** RFC 1950: deflate with a window of 32 KiB, a preset dictionary, and the check of the two bytes. */
const zlibHead = Uint8Array.of(0x78, 0x20);
const maxStored = 0xffff;

/** RFC 1950: the dictionary's Adler-32. */
function adler32(bytes: Uint8Array): number {
  let [a, b] = [1, 0];
  for (const byte of bytes) {
    a = (a + byte) % 65_521;
    b = (b + a) % 65_521;
  }
  return ((b << 16) | a) >>> 0;
}

/**
 * Packs our own: as blocks that deflate calls stored (RFC 1951, section 3.2.4), which need no state. The few and short headers that a
 * server sends here would not become smaller.
 */
export class HeaderWriter {
  #begun = false;

  write(headers: Headers): Uint8Array {
    const block = encode(headerBlock, headers);
    if (block.length > maxStored) throw new RangeError(`Headers of ${block.length} bytes do not fit one block`);
    // The empty block is what flushing compressors end with, and the only place where Go's library hands out what it has.
    const stored = Buffer.concat([storedBlock(block), storedBlock(new Uint8Array())]);
    if (this.#begun) return stored;
    this.#begun = true;
    return Buffer.concat([zlibHead, encode(u32be, adler32(headerDictionary)), stored]);
  }
}

/** Not the last block, no compression, then the length and its complement, both little endian. */
function storedBlock(bytes: Uint8Array): Uint8Array {
  const head = Buffer.alloc(5);
  head.writeUInt16LE(bytes.length, 1);
  head.writeUInt16LE(bytes.length ^ maxStored, 3);
  return Buffer.concat([head, bytes]);
}
