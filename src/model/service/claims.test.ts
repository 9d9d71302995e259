// Who has a key that several want, and what is told when that changes.

import { describe, expect, test } from "bun:test";
import { type ClaimChange, Claims } from "./claims.ts";

const same = (a: string, b: string) => a === b;
const wish =
  (...keys: readonly string[]) =>
  (value: string) =>
    new Map(keys.map((key) => [key, value]));

function show(changes: readonly ClaimChange<string>[]): readonly string[] {
  return changes.map(({ key, before = "-", after = "-" }) => `${key}: ${before} → ${after}`);
}

describe("Claims", () => {
  test("give a key to the owner of the first rank, then to the next", () => {
    const claims = new Claims<string>(same);
    expect(show(claims.replace("young", wish("x", "y")("young"), "2026"))).toEqual(["x: - → young", "y: - → young"]);
    expect(show(claims.replace("old", wish("x")("old"), "2025"))).toEqual(["x: young → old"]);
    expect([claims.get("x"), claims.get("y"), claims.get("z")]).toEqual(["old", "young", undefined]);
    expect(show(claims.replace("young", wish("y")("young"), "2026"))).toEqual([]);
    expect(show(claims.replace("old", new Map()))).toEqual(["x: old → -"]);
    expect([...claims.entries()]).toEqual([["y", "young"]]);
  });

  test("of one rank, by name", () => {
    const claims = new Claims<string>(same);
    claims.replace("b", wish("x")("b"), "2026");
    expect(show(claims.replace("a", wish("x")("a"), "2026"))).toEqual(["x: b → a"]);
  });

  test("tell nothing while the same is wanted by others", () => {
    const claims = new Claims<string>(same);
    claims.replace("b", wish("x")("v"));
    expect(show(claims.replace("a", wish("x")("v")))).toEqual([]);
    expect(show(claims.replace("b", new Map()))).toEqual([]);
    expect(claims.get("x")).toBe("v");
  });
});
