// Laws of messages: batches come back whole, and bytes that lie are answered or refused, never followed.
import { describe, expect, test } from "bun:test";
import { DecodeError, Writer } from "#codec/codec.ts";
import { forEachSeed, type Random } from "#test/random.ts";
import { type Request, readAck, readMessages, writeMessage } from "./message.ts";

const seeds = 500;

function anyRequest(random: Random): Request {
  const body = random.bytes(random.int(0, 40));
  return { type: random.int(4, 0xffff), flags: random.below(0x1000), body, text: "do it" };
}

function batch(requests: readonly Request[]): Uint8Array {
  const writer = new Writer();
  requests.forEach((request, i) => {
    writeMessage(writer, request, i + 1, 0);
  });
  return writer.finish();
}

describe("messages", () => {
  test("a batch is read as it was written", () => {
    forEachSeed(seeds, (random) => {
      const requests = random.list(6, () => anyRequest(random));
      const read = [...readMessages(batch(requests))].map(({ type, flags, sequence, body }) => {
        return { type, flags, sequence, body: body.copy(body.left) };
      });
      expect(read).toEqual(
        requests.map(({ type, flags, body }, i) => ({ type, flags: flags | 1, sequence: i + 1, body })),
      );
    });
  });

  test("bytes that lie end with a DecodeError or within the datagram", () => {
    forEachSeed(seeds, (random) => {
      const bytes = batch([...random.list(4, () => anyRequest(random)), anyRequest(random)]);
      for (let i = random.int(1, 6); i > 0; i--) bytes[random.below(bytes.length)] = random.below(256);
      try {
        for (const message of readMessages(bytes)) {
          expect(message.body.end).toBeLessThanOrEqual(bytes.length);
          readAck({ ...message, type: 2 });
        }
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
      }
    });
  });
});
