// Repeatable random values for fuzz tests: the same seed gives the same values on every machine.

/** A xorshift generator (Marsaglia 2003, 32 bits). A failing case is reproduced by its seed. */
export class Random {
  #state: number;

  /** Any whole number. */
  constructor(seed: number) {
    // Zero is the one state that xorshift never leaves. The multiplication keeps neighbouring seeds apart.
    this.#state = Math.imul(seed + 1, 0x9e3779b1) >>> 0 || 1;
    for (let i = 0; i < 8; i++) this.u32();
  }

  u32(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return this.#state;
  }

  /** From 0 to `limit` - 1. `limit` is at least 1 and at most 2^32. */
  below(limit: number): number {
    return Math.floor((this.u32() / 0x1_0000_0000) * limit);
  }

  /** From `min` to `max`, both inclusive. */
  int(min: number, max: number): number {
    return min + this.below(max - min + 1);
  }

  /** True once in `outOf` times. */
  chance(outOf: number): boolean {
    return this.below(outOf) === 0;
  }

  bool(): boolean {
    return this.chance(2);
  }

  /** One of `choices`, which must not be empty. */
  pick<T>(choices: readonly T[]): T {
    const [first] = choices.slice(this.below(choices.length));
    if (first === undefined && choices.length === 0) throw new RangeError("Cannot pick from an empty list");
    return first as T;
  }

  /** `make()`, or undefined half of the time. */
  maybe<T>(make: () => T): T | undefined {
    return this.bool() ? make() : undefined;
  }

  /** A list of up to `maxLength` values. */
  list<T>(maxLength: number, make: (index: number) => T): T[] {
    return Array.from({ length: this.int(0, maxLength) }, (_, index) => make(index));
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }

  /** Text of `length` characters out of `alphabet`. */
  text(length: number, alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"): string {
    return Array.from({ length }, () => alphabet[this.below(alphabet.length)] ?? "").join("");
  }
}

/**
 * Runs a law for seeds 0 to `count` - 1. A failure names its seed, so that `law(new Random(seed))` repeats it alone.
 */
export function forEachSeed(count: number, law: (random: Random, seed: number) => void): void {
  for (let seed = 0; seed < count; seed++) {
    try {
      law(new Random(seed), seed);
    } catch (cause) {
      throw new Error(`The law fails for seed ${seed}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    }
  }
}

/** As `forEachSeed`, for laws that wait. */
export async function forEachSeedAsync(
  count: number,
  law: (random: Random, seed: number) => Promise<void>,
): Promise<void> {
  for (let seed = 0; seed < count; seed++) {
    try {
      await law(new Random(seed), seed);
    } catch (cause) {
      throw new Error(`The law fails for seed ${seed}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    }
  }
}
