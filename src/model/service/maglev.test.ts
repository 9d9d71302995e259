// What Maglev's tables promise: fair shares, the same on every node, and few that move.

import { describe, expect, test } from "bun:test";
import { maglevTable } from "./maglev.ts";

const buckets = 16_384;

function namesOf(count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => `10.244.${i >> 8}.${i & 255} 8080`);
}

/** By bucket, the backend's name. */
function owners(names: readonly string[]): readonly string[] {
  return [...maglevTable(names, buckets)].map((index) => names[index] ?? "");
}

describe("maglevTable()", () => {
  test("is empty without backends, and all one's with one", () => {
    expect(maglevTable([], buckets).length).toBe(0);
    expect(new Set(maglevTable(["a"], buckets))).toEqual(new Set([0]));
  });

  for (const [count, least] of [
    [2, 0.95],
    [10, 0.9],
    [100, 0.8],
    [1000, 0.4],
  ] as const) {
    test(`gives each of ${count} backends at least ${least} of its even share, and at most 1.05`, () => {
      const shares = new Map<string, number>();
      for (const owner of owners(namesOf(count))) shares.set(owner, (shares.get(owner) ?? 0) + 1);
      expect(shares.size).toBe(count);
      expect(Math.min(...shares.values())).toBeGreaterThanOrEqual(Math.floor((least * buckets) / count));
      expect(Math.max(...shares.values())).toBeLessThanOrEqual(Math.ceil((1.05 * buckets) / count));
    });
  }

  test("does not depend on the order of the backends", () => {
    const names = namesOf(50);
    expect(owners(names.toReversed())).toEqual([...owners(names)]);
  });

  test("moves at most 2 % when one of 100 backends leaves", () => {
    const names = namesOf(100);
    const before = owners(names);
    for (const gone of [0, 17, 42, 99]) {
      const after = owners(names.filter((_, i) => i !== gone));
      const moved = after.filter((owner, bucket) => owner !== before[bucket]).length / buckets;
      expect(moved).toBeGreaterThan(0.008);
      expect(moved).toBeLessThanOrEqual(0.02);
    }
  });
});
