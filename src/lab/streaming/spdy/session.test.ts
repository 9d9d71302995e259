// A session against a client made of the same tables and of zlib: streams, both ends, windows, and what is refused.

import { describe, expect, test } from "bun:test";
import { DecodeError } from "#codec/codec.ts";
import { ByteReader } from "#lab/streaming/byte-reader.ts";
import { ProtocolError } from "#lab/streaming/bytes.ts";
import { Inbox } from "#lab/streaming/inbox.ts";
import { hex, toHex } from "#test/hex.ts";
import { Random } from "#test/random.ts";
import { rejectionOf } from "#test/thrown.ts";
import {
  type ControlFrame,
  decodeControlFrame,
  decodeFrameHead,
  encodeControlFrame,
  encodeDataFrame,
  finFlag,
  frameHeadSize,
} from "./frame.ts";
import { HeaderWriter } from "./headers.ts";
import { SpdySession } from "./session.ts";
import type { SpdyStream } from "./stream.ts";

/** The client's end of a session in memory. */
class Client {
  readonly streams: SpdyStream[] = [];
  readonly #toServer = new Inbox();
  readonly #fromServer = new Inbox();
  readonly #reader = new ByteReader(this.#fromServer.source());
  readonly #headers = new HeaderWriter();
  readonly session = new SpdySession(
    {
      source: () => this.#toServer.source(),
      write: (bytes) => this.#fromServer.push(bytes),
      end: async () => this.#fromServer.end(),
    },
    (stream) => this.streams.push(stream),
  );
  readonly done = this.session.run();

  async send(...frames: readonly (ControlFrame | Uint8Array)[]): Promise<void> {
    for (const frame of frames)
      await this.#toServer.push(frame instanceof Uint8Array ? frame : encodeControlFrame(frame));
  }

  leave(): void {
    this.#toServer.end();
  }

  async open(streamId: number, headers: Readonly<Record<string, string>> = {}): Promise<SpdyStream> {
    const packed = this.#headers.write(new Map(Object.entries(headers)));
    await this.send({ type: "synStream", flags: 0, body: { ...synStream, streamId, headers: packed } });
    expect(await this.next()).toBe(`synReply ${streamId}`);
    const stream = this.streams.at(-1);
    if (stream === undefined) throw new Error("The session told of no stream");
    return stream;
  }

  /** The server's next frame as text; "" at the end. */
  async next(): Promise<string> {
    const head = await this.#reader.take(frameHeadSize);
    if (head === undefined) return "";
    const frame = decodeFrameHead(head);
    const body = (await this.#reader.take(frame.length)) ?? new Uint8Array();
    if (frame.kind === "data")
      return `data ${frame.streamId} ${Buffer.from(body)}${frame.flags === finFlag ? " fin" : ""}`;
    if (frame.type === undefined) return "unknown";
    const { headers: _, ...shown } = decodeControlFrame(frame.type, frame.flags, body).body as Record<string, unknown>;
    return `${frame.type} ${Object.values(shown).join(" ")}`;
  }
}

const synStream = { associatedId: 0, priority: 0, slot: 0 };

async function textOf(stream: SpdyStream): Promise<string> {
  return Buffer.concat(await Array.fromAsync(stream.source)).toString();
}

describe("frames", () => {
  const rows: readonly (readonly [ControlFrame, string])[] = [
    [
      {
        type: "synStream",
        flags: 0,
        body: { streamId: 1, associatedId: 0, priority: 0xe0, slot: 0, headers: hex("ff") },
      },
      "80030001 0000000b 00000001 00000000 e000 ff",
    ],
    [{ type: "synReply", flags: 1, body: { streamId: 3, headers: hex("") } }, "80030002 01000004 00000003"],
    [{ type: "rstStream", flags: 0, body: { streamId: 5, reason: "cancel" } }, "80030003 00000008 00000005 00000005"],
    [
      { type: "settings", flags: 0, body: { count: 1, settings: hex("00000007 00010000") } },
      "80030004 0000000c 00000001 00000007 00010000",
    ],
    [{ type: "ping", flags: 0, body: { id: 1 } }, "80030006 00000004 00000001"],
    [{ type: "goAway", flags: 0, body: { lastStreamId: 7, reason: "ok" } }, "80030007 00000008 00000007 00000000"],
    [{ type: "windowUpdate", flags: 0, body: { streamId: 1, delta: 9 } }, "80030009 00000008 00000001 00000009"],
  ];
  for (const [frame, bytes] of rows) {
    test(`${frame.type} is written and read`, () => {
      expect(toHex(encodeControlFrame(frame))).toBe(toHex(hex(bytes)));
      const head = decodeFrameHead(hex(bytes));
      expect(head).toMatchObject({ kind: "control", type: frame.type, flags: frame.flags });
      expect(decodeControlFrame(frame.type, frame.flags, hex(bytes).subarray(frameHeadSize))).toEqual(frame);
    });
  }

  test("data is its stream, its flags and its bytes", () => {
    expect(toHex(encodeDataFrame(5, finFlag, hex("6869")))).toBe(toHex(hex("00000005 01000002 6869")));
    expect(decodeFrameHead(hex("00000005 01000002"))).toEqual({ kind: "data", streamId: 5, flags: 1, length: 2 });
  });
});

describe("SpdySession", () => {
  test("carries bytes both ways, and each side's end by itself", async () => {
    const client = new Client();
    const stream = await client.open(1, { StreamType: "data", port: "80" });
    expect([...stream.headers]).toEqual([
      ["streamtype", "data"],
      ["port", "80"],
    ]);
    await client.send(encodeDataFrame(1, 0, Buffer.from("to ")), encodeDataFrame(1, finFlag, Buffer.from("you")));
    expect(await textOf(stream)).toBe("to you");
    await stream.write(Buffer.from("to me"));
    await stream.end();
    expect([await client.next(), await client.next()]).toEqual(["data 1 to me", "data 1  fin"]);
    client.leave();
    await client.done;
  });

  test("answers pings, reads on over frames that it does not know, and says good-bye", async () => {
    const client = new Client();
    await client.send({ type: "ping", flags: 0, body: { id: 5 } }, hex("80030063 00000002 0102"));
    await client.send({ type: "ping", flags: 0, body: { id: 7 } });
    expect([await client.next(), await client.next()]).toEqual(["ping 5", "ping 7"]);
    await client.session.end();
    expect([await client.next(), await client.next()]).toEqual(["goAway 0 ok", ""]);
  });

  test("tells of streams that the client gives up, and of all when it leaves", async () => {
    const client = new Client();
    const [first, second] = [await client.open(1), await client.open(3)];
    await client.send({ type: "rstStream", flags: 0, body: { streamId: 1, reason: "cancel" } });
    expect(await textOf(first)).toBe("");
    expect([first.gone.aborted, second.gone.aborted]).toEqual([true, false]);
    client.leave();
    await client.done;
    expect(second.gone.aborted).toBe(true);
    await second.write(Buffer.from("dropped"));
  });

  test("lets the client send on when its bytes were read", async () => {
    const client = new Client();
    const stream = await client.open(1);
    const read = textOf(stream);
    await client.send(encodeDataFrame(1, 0, Buffer.alloc(40_000)));
    expect([await client.next(), await client.next()].toSorted()).toEqual([
      "windowUpdate 0 40000",
      "windowUpdate 1 40000",
    ]);
    await client.send(encodeDataFrame(1, finFlag, Buffer.alloc(1)));
    expect((await read).length).toBe(40_001);
  });

  test("stops reading a client whose stream nobody reads, and goes on after it", async () => {
    const client = new Client();
    const stream = await client.open(1);
    for (let i = 0; i < 5; i++) await client.send(encodeDataFrame(1, 0, Buffer.alloc(100_000)));
    let answered = false;
    await client.send({ type: "ping", flags: 0, body: { id: 1 } });
    const answer = client.next().then(() => (answered = true));
    await Bun.sleep(20);
    expect(answered).toBe(false);
    await client.send(encodeDataFrame(1, finFlag, new Uint8Array()));
    expect((await textOf(stream)).length).toBe(500_000);
    await answer;
  });

  test("waits for the windows of a client that counts, and not for those of one that does not", async () => {
    const silent = new Client();
    const free = await silent.open(1);
    const all = free.write(Buffer.alloc(200_000));
    for (let left = 200_000; left > 0; ) left -= (await silent.next()).length - "data 1 ".length;
    await all;

    const counting = new Client();
    await counting.send({ type: "settings", flags: 0, body: { count: 1, settings: hex("00000007 00000003") } });
    const held = await counting.open(1);
    void held.write(Buffer.from("abcdefgh"));
    expect(await counting.next()).toBe("data 1 abc");
    await counting.send({ type: "windowUpdate", flags: 0, body: { streamId: 1, delta: 4 } });
    expect(await counting.next()).toBe("data 1 defg");
    await counting.send({ type: "windowUpdate", flags: 0, body: { streamId: 1, delta: 9 } });
    expect(await counting.next()).toBe("data 1 h");
  });

  test("refuses data of streams that were never opened, and lets late data of ended ones pass", async () => {
    const client = new Client();
    const stream = await client.open(1);
    stream.reset();
    await client.send(encodeDataFrame(1, 0, Buffer.from("late")), encodeDataFrame(3, 0, Buffer.from("never")));
    expect([await client.next(), await client.next()]).toEqual(["rstStream 1 cancel", "rstStream 3 invalidStream"]);
  });

  const broken: readonly (readonly [what: string, bytes: string])[] = [
    ["another version", "80020001 00000000"],
    ["an even stream", "80030001 0000000a 00000002 00000000 0000"],
    ["a control frame of 16 MB", "80030001 00ffffff"],
    ["a ping of two bytes", "80030006 00000002 0102"],
    ["headers that are no zlib", "80030001 0000000e 00000001 00000000 0000 01020304"],
    ["an end within a frame", "80030006 00000004 00"],
    ["an end within data", "00000001 00000004 00"],
  ];
  for (const [what, bytes] of broken) {
    test(`ends with a sentence and GOAWAY for ${what}`, async () => {
      const client = new Client();
      await client.send(hex(bytes));
      client.leave();
      const error = await rejectionOf(() => client.done);
      expect(error instanceof ProtocolError || error instanceof DecodeError).toBe(true);
      const said: string[] = [];
      for (let frame = await client.next(); frame !== ""; frame = await client.next()) said.push(frame);
      expect(said.at(-1)).toBe("goAway 0 protocolError");
    });
  }

  test("ends for any bytes, refusing them or not", async () => {
    for (let seed = 0; seed < 200; seed++) {
      const random = new Random(seed);
      const client = new Client();
      const frame = encodeControlFrame({ type: "ping", flags: 0, body: { id: 1 } });
      const bytes = Buffer.concat([...random.list(4, () => frame), random.bytes(random.below(40))]);
      for (let i = random.below(3); i > 0; i--) bytes[random.below(Math.max(1, bytes.length))] = random.below(256);
      await client.send(bytes);
      client.leave();
      await client.done.catch((error) => {
        if (!(error instanceof ProtocolError || error instanceof DecodeError)) throw error;
      });
    }
  });
});
