// Tests which word is taken for the one that was meant.

import { expect, test } from "bun:test";
import { nearest } from "./nearest.ts";

test.each([
  ["plugin", "plugins"],
  ["pulgins", "plugins"],
  ["cin", "cni"],
  ["CNI", "cni"],
  ["verion", "version"],
  ["x", undefined],
  ["", undefined],
  ["cluster", undefined],
])("nearest() takes %j for %j", (word, meant) => {
  expect(nearest(word, ["cni", "plugins", "version", "help"])).toBe(meant);
});

test("nearest() takes the nearest, and of equals the first", () => {
  expect(nearest("stat", ["start", "stats", "stat"])).toBe("stat");
  expect(nearest("sat", ["cat", "sad"])).toBe("cat");
});
