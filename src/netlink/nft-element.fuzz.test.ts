// Laws of nftables elements: what is written comes back, and a damaged answer is an error of its own kind or an element.

import { describe, expect, test } from "bun:test";
import { DecodeError, Reader } from "#codec/codec.ts";
import { ipFromBytes } from "#net/ip.ts";
import { forEachSeed, type Random } from "#test/random.ts";
import {
  createElement,
  holdsSame,
  type NftElement,
  type NftPart,
  nftIfname,
  nftIp,
  nftPort,
  nftProtocol,
  readElement,
} from "./nft-element.ts";

function partOf(random: Random): NftPart {
  return random.pick([
    () => nftIp(ipFromBytes(random.bytes(random.pick([4, 16])))),
    () => nftPort(random.below(65536)),
    () => nftProtocol(random.pick(["tcp", "udp", "sctp", "dccp"])),
    () => nftIfname(random.text(random.int(1, 15))),
  ])();
}

function elementOf(random: Random): NftElement {
  const parts = () => [partOf(random), ...random.list(3, () => partOf(random))];
  const holds = random.pick([
    () => ({}),
    () => ({ value: parts() }),
    () => ({ verdict: random.pick(["accept", "drop", "return"] as const) }),
    () => ({ verdict: { goto: random.text(random.int(1, 60)) } }),
  ])();
  const comment = random.text(random.int(1, 126), "abc/:_é");
  const fits = Buffer.byteLength(comment) <= 127;
  return { table: "t", set: random.text(8), key: parts(), ...holds, ...(fits ? { comment } : {}) };
}

function decoded(bytes: Uint8Array) {
  return readElement(new Reader(bytes, 0, bytes.length, "element"));
}

describe("elements of nftables", () => {
  test("come back as they were written", () => {
    forEachSeed(500, (random) => {
      const element = elementOf(random);
      const held = decoded(createElement(element).body);
      expect(held.comment).toBe(element.comment ?? "");
      expect(holdsSame(held, element)).toBe(true);
    });
  });

  test("cut or changed anywhere are refused as such, or read as another element", () => {
    forEachSeed(500, (random) => {
      const bytes = createElement(elementOf(random)).body.slice(0);
      if (random.bool()) bytes[random.below(bytes.length)] = random.below(256);
      const cut = random.bool() ? bytes : bytes.slice(0, random.below(bytes.length));
      try {
        decoded(cut);
      } catch (error) {
        expect(error).toBeInstanceOf(DecodeError);
      }
    });
  });
});
