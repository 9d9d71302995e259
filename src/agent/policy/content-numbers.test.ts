// Numbers of content: the same after every start, also of those that had to give way.

import { describe, expect, test } from "bun:test";
import { ContentNumbers } from "./content-numbers.ts";

const first = 16;
/** All want one of three numbers. */
const crowded = (key: string) => key.length % 3;

describe("ContentNumbers", () => {
  test("gives the same number for the same content, above those with a meaning of their own", () => {
    const [a, b] = [new ContentNumbers(first), new ContentNumbers(first)];
    const keys = ["00000000aa", "ffffffffbb", "7f3a1122cc"];
    for (const key of keys) a.numberOf(key);
    for (const key of keys.toReversed()) expect(b.numberOf(key)).toBe(a.numberOf(key));
    expect(a.numberOf("00000000aa")).toBe(first);
    expect(a.keyOf(first)).toBe("00000000aa");
    expect(a.displaced).toEqual({});
  });

  test("remembers who had to give way, so that a restart in another order changes nothing", () => {
    const before = new ContentNumbers(first, {}, crowded);
    const keys = ["a", "bbbb", "cccc", "dd", "eeeee"];
    const numbers = keys.map((key) => before.numberOf(key));
    expect(new Set(numbers).size).toBe(keys.length);
    const after = new ContentNumbers(first, before.displaced, crowded);
    expect(keys.toReversed().map((key) => after.numberOf(key))).toEqual(numbers.toReversed());
  });

  test("gives back what is not in use", () => {
    const numbers = new ContentNumbers(first, {}, crowded);
    const [a, b] = [numbers.numberOf("a"), numbers.numberOf("bbbb")];
    numbers.keep((number) => number === b);
    expect([numbers.size, numbers.numberOf("ccccccc"), numbers.numberOf("bbbb")]).toEqual([1, a, b]);
    expect(Object.keys(numbers.displaced)).toEqual(["bbbb"]);
  });
});
