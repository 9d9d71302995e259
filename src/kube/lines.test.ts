// Lines out of chunks, wherever the chunks are cut.

import { describe, expect, test } from "bun:test";
import { thrownBy } from "#test/thrown.ts";
import { splitLines } from "./lines.ts";
import { decodeWatchEvent } from "./watch-event.ts";

async function* inPieces(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

describe("splitLines()", () => {
  const text = 'one\n\n{"a":"ü€😀"}\nlast without an end';
  for (const size of [1, 2, 3, 7, 1000]) {
    test(`joins pieces of ${size} bytes`, async () => {
      expect(await Array.fromAsync(splitLines(inPieces(text, size)))).toEqual([
        "one",
        '{"a":"ü€😀"}',
        "last without an end",
      ]);
    });
  }

  test("reads no line that has no end in sight", async () => {
    async function* endless() {
      const chunk = new Uint8Array(1 << 20).fill(0x61);
      for (let count = 0; count < 20; count++) yield chunk;
    }
    await expect(Array.fromAsync(splitLines(endless()))).rejects.toThrow("Cannot read a line of over");
  });
});

describe("decodeWatchEvent()", () => {
  test("reads a change", () => {
    expect(decodeWatchEvent<unknown>('{"type":"ADDED","object":{"metadata":{"name":"a"}}}')).toEqual({
      type: "ADDED",
      object: { metadata: { name: "a" } },
    });
  });

  test("throws what an ERROR event carries", () => {
    const status = { kind: "Status", status: "Failure", reason: "Expired", code: 410, message: "too old" };
    const error = thrownBy(() => decodeWatchEvent(JSON.stringify({ type: "ERROR", object: status })));
    expect(error).toMatchObject({ code: "Expired", message: "too old" });
  });

  for (const line of ["", "{", "[]", "null", '{"type":"ADDED"}', '{"type":"added","object":{}}', '{"type":"ERROR"}']) {
    test(`refuses ${line}`, () => {
      expect(thrownBy(() => decodeWatchEvent(line))).toMatchObject({ code: "InternalError" });
    });
  }
});
