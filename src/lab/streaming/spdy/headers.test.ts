// Header blocks: against zlib itself in both directions, and against bytes that another library has made.

import { describe, expect, test } from "bun:test";
import { constants, createDeflate, createInflate } from "node:zlib";
import { DecodeError, decode, encode } from "#codec/codec.ts";
import { ProtocolError } from "#lab/streaming/bytes.ts";
import { hex, toHex } from "#test/hex.ts";
import { Random } from "#test/random.ts";
import { rejectionOf } from "#test/thrown.ts";
import { headerDictionary } from "./dictionary.ts";
import { HeaderReader, type Headers, HeaderWriter, headerBlock, maxHeaderBytes } from "./headers.ts";

/** What comes out of one end of a zlib stream when bytes were put into the other and flushed. */
async function through(
  stream: ReturnType<typeof createDeflate> | ReturnType<typeof createInflate>,
  bytes: Uint8Array,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  const take = (piece: Uint8Array) => void pieces.push(piece);
  stream.on("data", take);
  stream.write(bytes);
  await new Promise<void>((resolve) => void stream.flush(constants.Z_SYNC_FLUSH, () => resolve()));
  stream.off("data", take);
  return Buffer.concat(pieces);
}

const streamType: Headers = new Map([["streamtype", "error"]]);

describe("header blocks", () => {
  test("are counted names and values in lower case", () => {
    const block = encode(headerBlock, new Map([["StreamType", "error"]]));
    expect(toHex(block)).toBe(toHex(hex("00000001 0000000a 73747265616d74797065 00000005 6572726f72")));
    expect(decode(headerBlock, block)).toEqual(streamType);
  });

  test("are read as another zlib has packed them", async () => {
    using reader = new HeaderReader();
    const packed = hex("78bb e3c6a7c2 02a62346703a2b294a4dcc851625aca9a08006 000000ffff");
    expect(await reader.read(packed)).toEqual(streamType);
  });

  test("are written so that zlib reads them, one after the other", async () => {
    const writer = new HeaderWriter();
    const inflate = createInflate({ dictionary: headerDictionary });
    for (const headers of [new Map(), streamType, new Map(), new Map([["port", "8080"]])]) {
      expect(decode(headerBlock, await through(inflate, writer.write(headers)))).toEqual(headers);
    }
  });

  test("are read as zlib packs them, each with what came before", async () => {
    const random = new Random(7);
    using reader = new HeaderReader();
    const deflate = createDeflate({ dictionary: headerDictionary });
    for (let i = 0; i < 50; i++) {
      const pairs = random.list(
        20,
        () => [random.text(random.int(1, 20)).toLowerCase(), random.text(random.below(300))] as const,
      );
      const headers = new Map(pairs);
      expect(await reader.read(await through(deflate, encode(headerBlock, headers)))).toEqual(headers);
    }
  });

  const refused: readonly (readonly [what: string, make: () => Promise<Uint8Array>])[] = [
    ["what is not zlib", async () => hex("0102030405060708")],
    ["another dictionary", async () => hex("78bb 00000001 0200")],
    ["a text longer than the block", () => packed(hex("00000001 0000000a 7374"))],
    ["more headers than anybody has", () => packed(hex("7fffffff"))],
    ["a block that unpacks to very much", () => packed(Buffer.alloc(maxHeaderBytes * 100))],
  ];
  for (const [what, make] of refused) {
    test(`refuse ${what}`, async () => {
      using reader = new HeaderReader();
      const bytes = await make();
      const error = await rejectionOf(() => reader.read(bytes));
      expect(error instanceof ProtocolError || error instanceof DecodeError).toBe(true);
    });
  }
});

function packed(bytes: Uint8Array): Promise<Uint8Array> {
  return through(createDeflate({ dictionary: headerDictionary }), bytes);
}
