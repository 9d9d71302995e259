// Delays between restarts, by a clock in hand.
import { describe, expect, test } from "bun:test";
import { afterRestart, noBackoff, waitMs } from "./backoff.ts";

const minute = 60_000;

describe("back-off", () => {
  test("the first restart is at once, then 10 s, doubling up to 5 min", () => {
    let backoff = noBackoff;
    const waits = Array.from({ length: 8 }, () => {
      const wait = waitMs(backoff, 1000, 1000);
      backoff = afterRestart(backoff, 0);
      return wait / 1000;
    });
    expect(waits).toEqual([0, 10, 20, 40, 80, 160, 300, 300]);
  });

  const rows: readonly (readonly [what: string, ranMs: number, delayMs: number])[] = [
    ["a short run doubles", 9 * minute, 160_000],
    ["a run of ten minutes begins anew", 10 * minute, 10_000],
  ];
  for (const [what, ranMs, delayMs] of rows) {
    test(what, () => expect(afterRestart({ delayMs: 80_000 }, ranMs)).toEqual({ delayMs }));
  }

  test("time that has passed since the end counts", () => {
    expect(waitMs({ delayMs: 10_000 }, 5000, 12_000)).toBe(3000);
    expect(waitMs({ delayMs: 10_000 }, 5000, 15_000)).toBe(0);
    expect(waitMs({ delayMs: 10_000 }, 5000, 99_000)).toBe(0);
  });
});
