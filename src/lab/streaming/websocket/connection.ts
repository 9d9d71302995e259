// The server's side of a WebSocket: messages both ways; pings are answered, and a close is.

import { ByteReader } from "#lab/streaming/byte-reader.ts";
import { type ByteSink, type ByteSource, ProtocolError } from "#lab/streaming/bytes.ts";
import { encodeFrame, type Frame, readFrame } from "./frame.ts";

/** A message of the client, put together from its parts. */
export type Message = { readonly text: boolean; readonly payload: Uint8Array };

const maxMessageBytes = 4 * 1024 * 1024;
const maxParts = 1000;
/** A client that is gone shows by not taking what is sent, when all it sent before was not read yet. */
const pingMs = 2000;
const nothing = new Uint8Array();
/** RFC 6455, section 7.4.1. */
const closeCodes = { normal: 1000, protocolError: 1002 } as const;

export class WebSocketConnection {
  readonly #wire: ByteSink & { readonly source: () => ByteSource };
  readonly #reader: ByteReader;
  readonly #heard = Promise.withResolvers<void>();
  #closed = false;

  constructor(wire: ByteSink & { readonly source: () => ByteSource }) {
    this.#wire = wire;
    this.#reader = new ByteReader(wire.source());
  }

  /** What the client sends until it closes or is gone; to be iterated once. @throws ProtocolError after having said so to the client. */
  async *messages(): AsyncGenerator<Message> {
    const pings = setInterval(() => void this.#wire.write(encodeFrame("ping", nothing)), pingMs);
    try {
      const parts: Frame[] = [];
      for (;;) {
        const frame = await readFrame(this.#reader, maxMessageBytes);
        if (frame === undefined || frame.opcode === "close") return;
        if (frame.opcode !== "ping") this.#heard.resolve();
        // What comes after our close is read and dropped: a connection closed over unread bytes would lose what was sent last.
        if (this.#closed) continue;
        if (frame.opcode === "ping") await this.#wire.write(encodeFrame("pong", frame.payload));
        else if (frame.opcode !== "pong") {
          checkOrder(parts, frame);
          parts.push(frame);
          if (frame.fin) yield joined(parts.splice(0));
        }
      }
    } catch (error) {
      if (error instanceof ProtocolError) await this.#close("protocolError");
      throw error;
    } finally {
      clearInterval(pings);
      this.#heard.resolve();
      await this.#close("normal");
    }
  }

  /** Asks the client for a word. Resolves when it has answered or said something else, or is gone; needs somebody who iterates `messages`. */
  async heard(): Promise<void> {
    await this.#wire.write(encodeFrame("ping", nothing));
    await this.#heard.promise;
  }

  /** Sends a message of these parts. Resolves when more may be sent. */
  async send(kind: "binary" | "text", ...parts: readonly Uint8Array[]): Promise<void> {
    if (!this.#closed) await this.#wire.write(encodeFrame(kind, ...parts));
  }

  async close(): Promise<void> {
    await this.#close("normal");
  }

  async #close(code: keyof typeof closeCodes): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const payload = Buffer.alloc(2);
    payload.writeUInt16BE(closeCodes[code]);
    await this.#wire.write(encodeFrame("close", payload));
    await this.#wire.end();
  }
}

function checkOrder(parts: readonly Frame[], { opcode, payload }: Frame): void {
  if ((opcode === "continuation") !== parts.length > 0) throw new ProtocolError("Parts of messages out of order");
  if (parts.length >= maxParts) throw new ProtocolError(`A message in over ${maxParts} parts`);
  const size = parts.reduce((sum, part) => sum + part.payload.length, payload.length);
  if (size > maxMessageBytes) throw new ProtocolError(`A message of over ${maxMessageBytes} bytes`);
}

function joined(parts: readonly Frame[]): Message {
  const payload = parts.length === 1 ? parts[0]?.payload : Buffer.concat(parts.map((part) => part.payload));
  return { text: parts[0]?.opcode === "text", payload: payload ?? new Uint8Array() };
}
