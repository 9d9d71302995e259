// Sums of elements: what is the same, and where to look for what is not.

import { describe, expect, test } from "bun:test";
import { encode } from "#codec/codec.ts";
import { u32 } from "#codec/scalar.ts";
import { Sums } from "./sums.ts";

const sizes = { keySize: 4, valueSize: 4 };

function change(sums: Sums, key: number, value: number, sign: 1 | -1): number {
  return sums.add(encode(u32, key), encode(u32, value), sign);
}

describe("Sums", () => {
  test("are the same in any order, and tell which elements may differ", () => {
    const [a, b] = [new Sums(sizes), new Sums(sizes)];
    change(a, 1, 1, 1);
    change(a, 2, 2, 1);
    change(b, 2, 2, 1);
    change(b, 3, 3, 1);
    change(b, 3, 3, -1);
    expect([...a.differing(b)]).toEqual([change(b, 1, 2, 1)]);
    change(b, 1, 2, -1);
    change(b, 1, 1, 1);
    expect([...a.differing(b)]).toEqual([]);
  });

  test("are the same for elements one by one and one behind the other", () => {
    const [a, b] = [new Sums(sizes), new Sums(sizes)];
    const words = Uint32Array.from({ length: 100 }, (_, index) => index * index);
    for (const word of words) change(a, word, word, 1);
    const bytes = new Uint8Array(words.buffer);
    b.addAll(bytes, bytes, words.length);
    expect([...a.differing(b)]).toEqual([]);
    expect(a.partitionOf(bytes, 7)).toBe(change(a, 49, 49, 1));
  });

  test("need elements of whole words", () => {
    expect(() => new Sums({ keySize: 6, valueSize: 4 })).toThrow("they are no whole words");
  });
});
