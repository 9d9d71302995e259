// Laws of the frames: what is written is read, in whatever pieces it comes, and no bytes do worse than an error.
import { expect, test } from "bun:test";
import { DecodeError } from "#codec/codec.ts";
import { forEachSeed, type Random } from "#test/random.ts";
import { type Answer, decodeAnswer, decodeRequest, encodeAnswer, encodeRequest, type Request } from "./frame.ts";
import { RequestReceiver } from "./receiver.ts";

test("decodeRequest(encodeRequest(r)) = r, and so it is in any pieces", () => {
  forEachSeed(300, (random) => {
    const request = anyRequest(random);
    const bytes = encodeRequest(request);
    expect(decodeRequest(bytes)).toEqual(request);
    const receiver = new RequestReceiver();
    const longest = random.pick([3, 50, 1000]);
    for (let start = 0; start < bytes.length; ) {
      const end = Math.min(bytes.length, start + random.int(1, longest));
      expect(receiver.push(bytes.slice(start, end))).toEqual(end < bytes.length ? "incomplete" : request);
      start = end;
    }
  });
});

test("decodeAnswer(encodeAnswer(a)) = a", () => {
  forEachSeed(300, (random) => {
    const outcome = { exitCode: random.below(256), stdout: anyText(random, 300), stderr: anyText(random, 300) };
    const answer: Answer = random.chance(8) ? { action: "exec" } : { action: "answer", outcome };
    expect(decodeAnswer(encodeAnswer(answer))).toEqual(answer);
  });
});

test("bytes changed at random are read or refused by name, and nothing else happens", () => {
  let refused = 0;
  forEachSeed(1000, (random) => {
    const bytes = encodeRequest(anyRequest(random));
    for (let n = random.int(1, 4); n > 0; n--) {
      bytes[random.below(random.bool() ? 48 : bytes.length)] = random.below(256);
    }
    const cut = random.chance(3) ? bytes.slice(0, random.int(0, bytes.length)) : bytes;
    for (const decode of [decodeRequest, decodeAnswer, (b: Uint8Array) => new RequestReceiver().push(b)]) {
      try {
        decode(cut);
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
        refused++;
      }
    }
  });
  expect(refused).toBeGreaterThan(1000);
});

function anyRequest(random: Random): Request {
  const word = () => (BigInt(random.u32()) << 32n) | BigInt(random.u32());
  const variable = (n: number) => [`K${n}`, anyText(random, 60)] as const;
  return {
    caller: { net: word(), mount: word(), root: word() },
    invocation: {
      plugin: anyText(random, 20),
      env: new Map(random.list(12, variable)),
      stdin: random.bytes(random.below(2000)),
    },
  };
}

function anyText(random: Random, limit: number): string {
  const letters = ["a", "Z", "=", " ", "\n", '"', "\u00e4", "\u20ac", "\u{1f9f5}"];
  return random.list(limit, () => random.pick(letters)).join("");
}
