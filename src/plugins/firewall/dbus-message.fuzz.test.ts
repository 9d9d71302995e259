// Laws of D-Bus messages: lengths agree, and no bytes do worse than a DecodeError.

import { expect, test } from "bun:test";
import { DecodeError } from "#codec/codec.ts";
import { forEachSeed, type Random } from "#test/random.ts";
import { decodeReply, encodeCall, fixedBytes, lengthOfMessage, type MethodCall } from "./dbus-message.ts";

function randomCall(random: Random): MethodCall {
  const word = () => `w${random.u32().toString(36)}${"ä".repeat(random.below(3))}`;
  return {
    destination: word(),
    path: `/${word()}`,
    interface: word(),
    member: word(),
    args: random.list(4, word),
  };
}

test("a call says how long it is, whatever follows it", () => {
  forEachSeed(2000, (random) => {
    const call = encodeCall(randomCall(random), 1 + random.below(1000));
    const more = new Uint8Array(Buffer.concat([call, random.bytes(random.below(40))]));
    expect(lengthOfMessage(more)).toBe(call.length);
    expect(lengthOfMessage(call.subarray(0, random.below(fixedBytes)))).toBeUndefined();
  });
});

test("no bytes do worse than a DecodeError", () => {
  forEachSeed(2000, (random) => {
    const bytes = random.bool() ? random.bytes(random.below(200)) : damaged(random);
    try {
      lengthOfMessage(bytes);
      decodeReply(bytes);
    } catch (error) {
      expect(error).toBeInstanceOf(DecodeError);
    }
  });
});

function damaged(random: Random): Uint8Array {
  const bytes = encodeCall(randomCall(random), 1);
  for (let i = 0; i < 3; i++) bytes[random.below(bytes.length)] = random.below(256);
  return bytes.subarray(0, random.int(0, bytes.length));
}
