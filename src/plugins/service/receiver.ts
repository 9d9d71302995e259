// Puts one request together from the pieces in which it arrives.

import { DecodeError } from "#codec/codec.ts";
import {
  decodeRequest,
  prefixBytes,
  protocolVersion,
  type Request,
  requestHeadBytes,
  requestSize,
  requestVersion,
} from "./frame.ts";

/** What is there so far: the whole request, not all of it, or a frame of a version that is not ours. */
export type Received = Request | "incomplete" | "unknown version";

/** The start of a request; holds at most one frame, whose size is bounded by `FrameLimit`. */
export class RequestReceiver {
  #bytes: Uint8Array = new Uint8Array(0);
  #length = 0;
  #size: number | undefined;

  /** Takes the next piece. @throws DecodeError naming the field that is wrong; the receiver is of no use afterwards. */
  push(piece: Uint8Array): Received {
    // Nearly every request comes in one piece, which is then read where it is.
    if (this.#length === 0) {
      this.#bytes = piece;
      this.#length = piece.length;
    } else {
      this.#append(piece);
    }
    const bytes = this.#bytes.subarray(0, this.#length);
    if (bytes.length < prefixBytes) return "incomplete";
    if (this.#size === undefined) {
      if (requestVersion(bytes) !== protocolVersion) return "unknown version";
      if (bytes.length < requestHeadBytes) return "incomplete";
      this.#size = requestSize(bytes);
    }
    if (bytes.length < this.#size) return "incomplete";
    if (bytes.length > this.#size) {
      throw new DecodeError("request", this.#size, `${bytes.length - this.#size} bytes left over`);
    }
    return decodeRequest(bytes);
  }

  #append(piece: Uint8Array): void {
    const length = this.#length + piece.length;
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(length, Math.min(2 * length, this.#size ?? length)));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    this.#bytes.set(piece, this.#length);
    this.#length = length;
  }
}
