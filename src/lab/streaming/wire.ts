// A connection that has left HTTP: its bytes both ways, and the moment when the client is gone.

import type { Duplex } from "node:stream";
import type { ByteSink, ByteSource } from "./bytes.ts";

/** How long a client may take to read the last bytes and to close. */
const lingerMs = 10_000;

export class Wire implements ByteSink {
  readonly #socket: Duplex;
  readonly #head: Uint8Array;
  readonly #gone = new AbortController();
  #draining: Promise<void> | undefined;

  /** `head` is what came with the request. */
  constructor(socket: Duplex, head: Uint8Array) {
    this.#socket = socket;
    this.#head = head;
    // A client that goes away in the middle is no failure of ours.
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#gone.abort());
  }

  /** Aborted when the connection is closed, by whomever. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** What the client sends; to be iterated once. */
  async *source(): ByteSource {
    if (this.#head.length > 0) yield this.#head;
    try {
      for await (const bytes of this.#socket as AsyncIterable<Uint8Array>) yield bytes;
    } catch {
      // Reset: it ends like any other.
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#socket.destroyed || this.#socket.writableEnded || this.#socket.write(bytes)) return;
    // Streams that share a wire wait together.
    this.#draining ??= this.#drained();
    await this.#draining;
  }

  /** Until the client has taken what was written, or is gone. */
  async #drained(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const events = ["drain", "close"] as const;
    for (const event of events) this.#socket.once(event, resolve);
    await promise;
    for (const event of events) this.#socket.off(event, resolve);
    this.#draining = undefined;
  }

  /** Closes when everything written is sent. What the client still sends has to be read until it closes, too. */
  async end(): Promise<void> {
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    this.#socket.end();
    const late = setTimeout(() => this.#socket.destroy(), lingerMs);
    this.gone.addEventListener("abort", () => clearTimeout(late), { once: true });
  }
}
