// Laws of the frames: what is written is read, in whatever pieces it comes, and no bytes do worse than an error.
import { expect, test } from "bun:test";
import { DecodeError } from "#codec/codec.ts";
import { type Answer, decodeAnswer, decodeRequest, encodeAnswer, encodeRequest, type Request } from "./frame.ts";
import { RequestReceiver } from "./receiver.ts";

const rounds = 500;
const seed = Number(process.env["FUZZ_SEED"] ?? 20251);

test("decodeRequest(encodeRequest(r)) = r, and so it is in any pieces", () => {
  const random = generator(seed);
  for (let round = 0; round < rounds; round++) {
    const request = anyRequest(random);
    const bytes = encodeRequest(request);
    expect(decodeRequest(bytes)).toEqual(request);
    const receiver = new RequestReceiver();
    let start = 0;
    while (start < bytes.length) {
      const end = Math.min(bytes.length, start + 1 + random(random(2) === 0 ? 3 : 200));
      const received = receiver.push(bytes.slice(start, end));
      if (end < bytes.length) expect(received).toBe("incomplete");
      else expect(received).toEqual(request);
      start = end;
    }
  }
});

test("decodeAnswer(encodeAnswer(a)) = a", () => {
  const random = generator(seed + 1);
  for (let round = 0; round < rounds; round++) {
    const outcome = { exitCode: random(256), stdout: anyText(random, 300), stderr: anyText(random, 300) };
    const answer: Answer = random(8) === 0 ? { action: "exec" } : { action: "answer", outcome };
    expect(decodeAnswer(encodeAnswer(answer))).toEqual(answer);
  }
});

test("bytes changed at random are read or refused by name, and nothing else happens", () => {
  const random = generator(seed + 2);
  let refused = 0;
  for (let round = 0; round < rounds * 4; round++) {
    const bytes = encodeRequest(anyRequest(random));
    for (let n = random(4); n >= 0; n--)
      bytes[random(random(2) === 0 ? 64 : bytes.length) % bytes.length] = random(256);
    const cut = random(3) === 0 ? bytes.slice(0, random(bytes.length + 1)) : bytes;
    for (const decode of [decodeRequest, decodeAnswer, (b: Uint8Array) => new RequestReceiver().push(b)]) {
      try {
        decode(cut);
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
        refused++;
      }
    }
  }
  expect(refused).toBeGreaterThan(rounds);
});

type Random = (below: number) => number;

function anyRequest(random: Random): Request {
  const env = new Map<string, string>();
  for (let n = random(12); n > 0; n--) env.set(`K${anyText(random, 8).replaceAll("=", "-")}`, anyText(random, 60));
  const word = () => (BigInt(random(2 ** 32)) << 32n) | BigInt(random(2 ** 32));
  return {
    caller: { netDev: word(), netIno: word(), mntDev: word(), mntIno: word() },
    invocation: {
      plugin: anyText(random, 20),
      env,
      stdin: new Uint8Array(Array.from({ length: random(2000) }, () => random(256))),
    },
  };
}

function anyText(random: Random, limit: number): string {
  const letters = ["a", "Z", "=", " ", "\n", '"', "\u00e4", "\u20ac", "\u{1f9f5}"];
  return Array.from({ length: random(limit) }, () => letters[random(letters.length)] ?? "").join("");
}

// mulberry32: small, and the same everywhere.
function generator(start: number): Random {
  let state = start >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}
