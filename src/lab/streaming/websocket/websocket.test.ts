// WebSocket by the bytes of RFC 6455: the handshake, frames, messages in parts, and what is refused.

import { describe, expect, test } from "bun:test";
import { ByteReader } from "#lab/streaming/byte-reader.ts";
import { ProtocolError } from "#lab/streaming/bytes.ts";
import { Inbox } from "#lab/streaming/inbox.ts";
import { hex, toHex } from "#test/hex.ts";
import { Random } from "#test/random.ts";
import { rejectionOf } from "#test/thrown.ts";
import { WebSocketConnection } from "./connection.ts";
import { encodeFrame, type Opcode, readFrame } from "./frame.ts";
import { acceptWebSocket } from "./handshake.ts";

async function* pieces(...bytes: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* bytes;
}

/** A connection whose client sends these bytes and leaves; what the server says is kept. */
function connectionWith(...bytes: readonly string[]) {
  const said: Uint8Array[] = [];
  const connection = new WebSocketConnection({
    source: () => pieces(...bytes.map(hex)),
    write: async (piece) => void said.push(piece),
    end: async () => {},
  });
  return { connection, said: () => toHex(Buffer.concat(said)) };
}

/** A client's frame with a mask of zeros. */
function masked(first: string, payload: string): string {
  const length = hex(payload).length;
  return `${first} ${(0x80 + length).toString(16)} 00000000 ${payload}`;
}

describe("acceptWebSocket()", () => {
  const headers = {
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "sec-websocket-protocol": "chat, superchat",
  };

  test("answers the standard's own example, with the client's first protocol that is known", () => {
    const { answer, protocol } = acceptWebSocket(headers, ["superchat", "chat"]);
    expect(protocol).toBe("chat");
    expect(answer).toContain("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n");
  });

  const refused: readonly (readonly [what: string, change: Readonly<Record<string, string>>, why: string])[] = [
    ["another version", { "sec-websocket-version": "8" }, "its version must be 13"],
    ["a short key", { "sec-websocket-key": "YWJj" }, "Sec-WebSocket-Key must be 16 bytes in base64"],
    ["an unknown protocol", { "sec-websocket-protocol": "x" }, "of x none is known, but chat"],
    ["no protocol", { "sec-websocket-protocol": "" }, "of no protocol none is known, but chat"],
  ];
  for (const [what, change, why] of refused) {
    test(`refuses ${what}`, () => expect(acceptWebSocket({ ...headers, ...change }, ["chat"])).toEqual({ why }));
  }
});

describe("frames", () => {
  const written: readonly (readonly [Opcode, size: number, head: string])[] = [
    ["text", 5, "8105"],
    ["binary", 125, "827d"],
    ["binary", 126, "827e 007e"],
    ["binary", 256, "827e 0100"],
    ["binary", 65_536, "827f 0000000000010000"],
    ["pong", 0, "8a00"],
  ];
  for (const [opcode, size, head] of written) {
    test(`of a server: ${opcode} of ${size} bytes`, () => {
      const bytes = encodeFrame(opcode, new Uint8Array(size));
      expect(toHex(bytes.subarray(0, bytes.length - size))).toBe(toHex(hex(head)));
    });
  }

  test("of a client are unmasked, however they are cut", async () => {
    const hello = hex("8185 37fa213d 7f9f4d5158");
    for (let cut = 0; cut < hello.length; cut++) {
      const reader = new ByteReader(pieces(hello.subarray(0, cut), hello.subarray(cut)));
      const frame = await readFrame(reader, 100);
      expect({ ...frame, payload: Buffer.from(frame?.payload ?? []).toString() }).toEqual({
        ...{ fin: true, opcode: "text", payload: "Hello" },
      });
      expect(await readFrame(reader, 100)).toBeUndefined();
    }
  });

  test("of a client may have long lengths", async () => {
    for (const head of ["82fe 0080 00000000", "82ff 0000000000000080 00000000"]) {
      const reader = new ByteReader(pieces(hex(head), new Uint8Array(128)));
      expect((await readFrame(reader, 128))?.payload.length).toBe(128);
    }
  });
});

describe("WebSocketConnection", () => {
  test("puts messages together, with control frames in between", async () => {
    const bytes = [masked("02", "6162"), masked("89", "70"), masked("80", "63"), masked("81", "64"), masked("88", "")];
    const { connection, said } = connectionWith(...bytes);
    const messages = await Array.fromAsync(connection.messages());
    expect(messages.map(({ text, payload }) => `${text} ${Buffer.from(payload)}`)).toEqual(["false abc", "true d"]);
    expect(said()).toBe(toHex(hex("8a01 70 8802 03e8")));
    await connection.send("binary", hex("01"));
    expect(said()).toBe(toHex(hex("8a01 70 8802 03e8")));
  });

  const broken: readonly (readonly [what: string, bytes: string])[] = [
    ["a frame without a mask", "8105 48656c6c6f"],
    ["an opcode that nobody knows", masked("83", "")],
    ["reserved bits", masked("c2", "")],
    ["a ping in parts", masked("09", "")],
    ["a long ping", "89fe 0100 00000000"],
    ["a part of nothing", masked("80", "61")],
    ["a message within another", `${masked("02", "61")} ${masked("82", "61")}`],
    ["a message larger than any", "82ff 00000000 01000000 00000000"],
    ["a length beyond numbers", "82ff ffffffff ffffffff 00000000"],
    ["a message in very many parts", `${masked("02", "")} ${masked("00", "").repeat(1001)}`],
    ["an end within a frame", "8285 00"],
  ];
  for (const [what, bytes] of broken) {
    test(`ends with a sentence and code 1002 for ${what}`, async () => {
      const { connection, said } = connectionWith(bytes);
      expect(await rejectionOf(() => Array.fromAsync(connection.messages()))).toBeInstanceOf(ProtocolError);
      expect(said()).toBe(toHex(hex("8802 03ea")));
    });
  }
});

test("any bytes end a connection, refused or not", async () => {
  for (let seed = 0; seed < 300; seed++) {
    const random = new Random(seed);
    const whole = hex(masked("82", "6162"));
    const bytes = Buffer.concat([...random.list(3, () => whole), random.bytes(random.below(30))]);
    for (let i = random.below(3); i > 0; i--) bytes[random.below(Math.max(1, bytes.length))] = random.below(256);
    const { connection } = connectionWith(toHex(bytes));
    await Array.fromAsync(connection.messages()).catch((error) => {
      if (!(error instanceof ProtocolError)) throw error;
    });
  }
});

describe("Inbox", () => {
  test("holds up its sender beyond its limit, and lets it go when it is read or dropped", async () => {
    const inbox = new Inbox();
    await inbox.push(new Uint8Array(200_000));
    let sent = false;
    const sending = inbox.push(new Uint8Array(200_000)).then(() => (sent = true));
    await Bun.sleep(1);
    expect(sent).toBe(false);
    const source = inbox.source()[Symbol.asyncIterator]();
    await source.next();
    await sending;
    const again = inbox.push(new Uint8Array(200_000));
    inbox.drop();
    await again;
    await inbox.push(new Uint8Array(1_000_000));
    expect((await source.next()).done).toBe(true);
  });
});
