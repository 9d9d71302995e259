// The server's side of a SPDY/3.1 session: the streams that a client opens over one connection.

import { DecodeError } from "#codec/codec.ts";
import { ByteReader } from "#lab/streaming/byte-reader.ts";
import { type ByteSink, type ByteSource, ProtocolError } from "#lab/streaming/bytes.ts";
import {
  type ControlFrame,
  decodeControlFrame,
  decodeFrameHead,
  encodeControlFrame,
  type FrameHead,
  finFlag,
  frameHeadSize,
  initialWindowSetting,
  settingOf,
} from "./frame.ts";
import { HeaderReader, HeaderWriter } from "./headers.ts";
import { firstWindow, SendWindow, type WindowMode } from "./send-window.ts";
import { SpdyStream, type StreamHost } from "./stream.ts";

/** Streams at a time; a port-forward has two for each connection. */
const maxStreams = 2000;
/** A client that is gone shows by not taking what is sent, when all it sent before was not read yet. Even numbers are the server's. */
const pingMs = 2000;
const maxUnsent = 10_000;
const maxControlBytes = 64 * 1024;
/** Data is handed on as it comes, in pieces of at most this size. */
const pieceBytes = 64 * 1024;
const updateBytes = 32 * 1024;

/** A connection under a session. */
export type SpdyLink = ByteSink & { readonly source: () => ByteSource };

export class SpdySession {
  readonly #link: SpdyLink;
  readonly #opened: (stream: SpdyStream) => void;
  readonly #reader: ByteReader;
  readonly #headers = new HeaderWriter();
  readonly #streams = new Map<number, SpdyStream>();
  readonly #mode: WindowMode = { counts: false };
  readonly #window = new SendWindow(this.#mode, firstWindow);
  #streamWindow = firstWindow;
  #lastStreamId = 0;
  #unacknowledged = 0;
  #unsent = 0;
  #ended = false;

  /** `opened` is told of every stream that the client opens, once it is answered. */
  constructor(link: SpdyLink, opened: (stream: SpdyStream) => void) {
    this.#link = link;
    this.#opened = opened;
    this.#reader = new ByteReader(link.source());
  }

  /** Serves until the client is gone or the session was ended. @throws ProtocolError, DecodeError for what is no SPDY/3.1 */
  async run(): Promise<void> {
    using headers = new HeaderReader();
    const pings = setInterval(() => this.#ping(), pingMs);
    try {
      // Also after our end: a connection closed over unread bytes would lose what was sent last.
      for (;;) {
        const bytes = await this.#reader.take(frameHeadSize);
        if (bytes === undefined) return;
        await this.#frame(decodeFrameHead(bytes), headers);
        if (this.#unsent > maxUnsent)
          throw new ProtocolError(`Over ${maxUnsent} answers that the client does not read`);
      }
    } catch (error) {
      if (error instanceof ProtocolError || error instanceof DecodeError) this.#goAway("protocolError");
      throw error;
    } finally {
      clearInterval(pings);
      await this.#close();
    }
  }

  /** Tells the client that the session is over, and closes when all is sent. */
  async end(): Promise<void> {
    if (this.#ended) return;
    this.#goAway("ok");
    await this.#close();
  }

  async #close(): Promise<void> {
    this.#ended = true;
    for (const stream of this.#streams.values()) stream.giveUp();
    await this.#link.end();
  }

  #ping(): void {
    if (this.#unsent === 0) this.#control({ type: "ping", flags: 0, body: { id: 2 } });
  }

  #goAway(reason: "ok" | "protocolError"): void {
    this.#control({ type: "goAway", flags: 0, body: { lastStreamId: this.#lastStreamId, reason } });
  }

  async #frame(head: FrameHead, headers: HeaderReader): Promise<void> {
    if (head.kind === "data") return await this.#data(head.streamId, head);
    if (head.length > maxControlBytes) throw new ProtocolError(`A control frame of ${head.length} bytes`);
    const body = await this.#take(head.length);
    if (head.type !== undefined) await this.#takeControl(decodeControlFrame(head.type, head.flags, body), headers);
  }

  async #take(size: number): Promise<Uint8Array> {
    const bytes = await this.#reader.take(size);
    if (bytes === undefined) throw new ProtocolError("The stream ended within a frame");
    return bytes;
  }

  async #data(streamId: number, { flags, length }: { readonly flags: number; readonly length: number }): Promise<void> {
    const stream = this.#streams.get(streamId);
    if (streamId > this.#lastStreamId) this.#reset(streamId, "invalidStream");
    for (let left = length; left > 0; ) {
      const bytes = await this.#reader.some(Math.min(left, pieceBytes));
      if (bytes === undefined) throw new ProtocolError("The stream ended within a frame");
      left -= bytes.length;
      // What comes for a stream that is over was under way when it ended.
      if (stream === undefined) this.#taken(bytes.length);
      else await stream.receive(bytes);
    }
    if ((flags & finFlag) !== 0) stream?.receiveEnd();
  }

  async #takeControl(frame: ControlFrame, headers: HeaderReader): Promise<void> {
    switch (frame.type) {
      case "synStream": {
        // Packed headers have to be read even of streams that are refused: the next ones build on them.
        const opened = await headers.read(frame.body.headers);
        return this.#open(frame.body.streamId, opened, frame.flags);
      }
      case "synReply":
      case "headers":
        await headers.read(frame.body.headers);
        return;
      case "rstStream":
        return this.#streams.get(frame.body.streamId)?.giveUp();
      case "settings": {
        const size = settingOf(frame.body, initialWindowSetting);
        return size === undefined ? undefined : this.#resizeWindows(size);
      }
      case "ping":
        // Even numbers would be answers to pings of ours.
        return frame.body.id % 2 === 1 ? this.#control(frame) : undefined;
      case "windowUpdate":
        return this.#enlarge(frame.body.streamId, frame.body.delta);
      case "goAway":
        // It opens nothing more; its streams go on until they or the connection end.
        return;
    }
  }

  #open(streamId: number, headers: ReadonlyMap<string, string>, flags: number): void {
    // "The Stream-ID MUST be odd when the client initiates, and MUST monotonically increase" (section 2.3.2)
    if (streamId % 2 === 0 || streamId <= this.#lastStreamId) {
      throw new ProtocolError(`Stream ${streamId} cannot be opened after ${this.#lastStreamId}`);
    }
    this.#lastStreamId = streamId;
    if (this.#ended || this.#streams.size >= maxStreams) {
      this.#reset(streamId, "refusedStream");
      return;
    }
    const window = new SendWindow(this.#mode, this.#streamWindow, this.#window);
    const stream = new SpdyStream(streamId, headers, this.#streamHost, window);
    this.#streams.set(streamId, stream);
    this.#control({ type: "synReply", flags: 0, body: { streamId, headers: this.#headers.write(new Map()) } });
    if ((flags & finFlag) !== 0) stream.receiveEnd();
    this.#opened(stream);
  }

  readonly #streamHost: StreamHost = {
    send: (bytes) => this.#link.write(bytes),
    sendControl: (frame) => this.#control(frame),
    taken: (size) => this.#taken(size),
    over: ({ id }) => void this.#streams.delete(id),
  };

  #taken(size: number): void {
    this.#unacknowledged += size;
    if (this.#unacknowledged < updateBytes) return;
    // Stream 0 is the session itself, since SPDY/3.1.
    this.#control({ type: "windowUpdate", flags: 0, body: { streamId: 0, delta: this.#unacknowledged } });
    this.#unacknowledged = 0;
  }

  #enlarge(streamId: number, delta: number): void {
    this.#mode.counts = true;
    if (streamId === 0) this.#window.add(delta);
    else this.#streams.get(streamId)?.enlarge(delta);
  }

  #resizeWindows(size: number): void {
    this.#mode.counts = true;
    for (const stream of this.#streams.values()) stream.enlarge(size - this.#streamWindow);
    this.#streamWindow = size;
  }

  #reset(streamId: number, reason: "invalidStream" | "refusedStream"): void {
    this.#control({ type: "rstStream", flags: 0, body: { streamId, reason } });
  }

  /** Nobody waits for control frames: a client that does not read is still to be heard. */
  #control(frame: ControlFrame): void {
    this.#unsent++;
    void this.#link.write(encodeControlFrame(frame)).finally(() => this.#unsent--);
  }
}
