// Taking a stream of bytes apart: exactly so many, or at most so many.

import { type ByteSource, ProtocolError } from "./bytes.ts";

const nothing = new Uint8Array();

export class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #held: Uint8Array = nothing;

  constructor(source: ByteSource) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Exactly `size` bytes; undefined when the stream has ended before the first. @throws ProtocolError when it ends in between. */
  async take(size: number): Promise<Uint8Array | undefined> {
    if (this.#held.length < size && !(await this.#fill(size))) {
      if (this.#held.length === 0) return undefined;
      throw new ProtocolError(`The stream ended after ${this.#held.length} of ${size} bytes`);
    }
    return this.#cut(size);
  }

  /** The next bytes as they come, at least one and at most `limit`; undefined at the end. */
  async some(limit: number): Promise<Uint8Array | undefined> {
    if (this.#held.length === 0 && !(await this.#fill(1))) return undefined;
    return this.#cut(Math.min(limit, this.#held.length));
  }

  #cut(size: number): Uint8Array {
    const bytes = this.#held.subarray(0, size);
    this.#held = this.#held.subarray(size);
    return bytes;
  }

  async #fill(size: number): Promise<boolean> {
    const pieces = [this.#held];
    let have = this.#held.length;
    while (have < size) {
      const { done, value } = await this.#source.next();
      if (done === true) break;
      pieces.push(value);
      have += value.length;
    }
    this.#held = pieces.length === 1 ? this.#held : Buffer.concat(pieces);
    return have >= size;
  }
}
