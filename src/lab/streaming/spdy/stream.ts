// One stream of a SPDY session: bytes both ways, each with an end of its own.

import type { ByteSink, ByteSource } from "#lab/streaming/bytes.ts";
import { Inbox } from "#lab/streaming/inbox.ts";
import { type ControlFrame, encodeDataFrame, finFlag } from "./frame.ts";
import type { Headers } from "./headers.ts";
import type { SendWindow } from "./send-window.ts";

/** What a stream needs of its session. */
export type StreamHost = {
  readonly send: (bytes: Uint8Array) => Promise<void>;
  readonly sendControl: (frame: ControlFrame) => void;
  /** Told of bytes that were read. */
  readonly taken: (size: number) => void;
  /** Told when neither side will say anything more. */
  readonly over: (stream: SpdyStream) => void;
};

/** So that streams of a session take turns. */
const pieceBytes = 32 * 1024;
/** Half of what peers that count let themselves have (SPDY/3.1: 64 KiB). */
const updateBytes = 32 * 1024;

export class SpdyStream implements ByteSink {
  readonly id: number;
  readonly headers: Headers;
  readonly #host: StreamHost;
  readonly #window: SendWindow;
  readonly #gone = new AbortController();
  readonly #inbox = new Inbox((size) => this.#took(size));
  #unacknowledged = 0;
  #weEnded = false;
  #theyEnded = false;

  constructor(id: number, headers: Headers, host: StreamHost, window: SendWindow) {
    this.id = id;
    this.headers = headers;
    this.#host = host;
    this.#window = window;
  }

  /** What the peer sends; to be iterated once. Leaving it says that the rest is not wanted. */
  get source(): ByteSource {
    return this.#inbox.source();
  }

  /** Aborted when the peer gives the stream up, or the session is over. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length && !this.#weEnded; ) {
      const size = await this.#window.take(Math.min(pieceBytes, bytes.length - at), this.gone);
      if (this.#weEnded || size === 0) return;
      await this.#host.send(encodeDataFrame(this.id, 0, bytes.subarray(at, at + size)));
      at += size;
    }
  }

  async end(): Promise<void> {
    if (this.#weEnded) return;
    this.#weEnded = true;
    await this.#host.send(encodeDataFrame(this.id, finFlag, new Uint8Array()));
    this.#checkOver();
  }

  /** Gives the stream up, both ways. */
  reset(): void {
    if (this.gone.aborted) return;
    this.#host.sendControl({ type: "rstStream", flags: 0, body: { streamId: this.id, reason: "cancel" } });
    this.giveUp();
  }

  /** The session: more data of the peer. Resolves when there is room for more. */
  receive(bytes: Uint8Array): Promise<void> {
    return this.#inbox.push(bytes);
  }

  /** The session: the peer has ended its side. */
  receiveEnd(): void {
    this.#theyEnded = true;
    this.#inbox.end();
    this.#checkOver();
  }

  /** The session: the peer lets so many more bytes be sent. */
  enlarge(delta: number): void {
    this.#window.add(delta);
  }

  /** The session: nothing more comes or goes. */
  giveUp(): void {
    this.#weEnded = true;
    this.#theyEnded = true;
    this.#inbox.end();
    this.#gone.abort();
    this.#host.over(this);
  }

  #checkOver(): void {
    if (this.#weEnded && this.#theyEnded) this.#host.over(this);
  }

  #took(size: number): void {
    this.#host.taken(size);
    this.#unacknowledged += size;
    if (this.#unacknowledged < updateBytes || this.#theyEnded) return;
    const body = { streamId: this.id, delta: this.#unacknowledged };
    this.#unacknowledged = 0;
    this.#host.sendControl({ type: "windowUpdate", flags: 0, body });
  }
}
