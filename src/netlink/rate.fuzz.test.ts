// Laws of rates and bursts.
import { describe, expect, test } from "bun:test";
import { forEachSeed, type Random } from "#test/random.ts";
import { bytesOf, fromRateSpec, sameBurst, ticksOf, toRateSpec } from "./rate.ts";

const seeds = 500;

/** Spread over all orders of magnitude below 2^`bits`. */
function magnitude(random: Random, bits: number): number {
  return Math.max(1, Math.floor(2 ** (random.int(0, bits - 1) + random.below(1000) / 1000)));
}

describe("rates", () => {
  test("a rate comes back whole, beyond 32 bits too", () => {
    forEachSeed(seeds, (random) => {
      const rate = magnitude(random, 50);
      const { spec, rate64 } = toRateSpec(rate);
      expect(fromRateSpec(spec.rate, rate64)).toBe(rate);
    });
  });

  test("a burst comes back whole from its ticks below 15 MB/s and 275 s", () => {
    forEachSeed(seeds, (random) => {
      const rate = Math.min(magnitude(random, 24), 15_000_000);
      const burst = Math.min(magnitude(random, 32), rate * 274);
      expect(bytesOf(rate, ticksOf(rate, burst))).toBe(burst);
    });
  });

  test("a burst is the same as what its ticks say of it, at any rate", () => {
    forEachSeed(seeds, (random) => {
      const rate = magnitude(random, 38);
      const burst = magnitude(random, 32);
      // The kernel keeps the burst's time whole and tells its lower 32 bits.
      const told = Number(BigInt.asUintN(32, (BigInt(burst) * 1_000_000_000n) / BigInt(rate) / 64n));
      expect(sameBurst(rate, burst, bytesOf(rate, told))).toBe(true);
    });
  });

  test("a burst twice as long is another one", () => {
    forEachSeed(seeds, (random) => {
      const rate = magnitude(random, 30);
      const burst = Math.max(magnitude(random, 28), Math.ceil(rate / 10_000), 4);
      const seconds = burst / rate;
      if (seconds < 130) expect(sameBurst(rate, burst, burst * 2)).toBe(false);
    });
  });
});
