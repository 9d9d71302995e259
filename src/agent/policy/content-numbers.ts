// Numbers that follow from what they stand for: an agent that starts again knows what those in the maps mean.

/** Content by digest that did not get the number of its own, with the one it got. */
export type Displaced = Readonly<Record<string, number>>;

const limit = 2 ** 32;

/**
 * Gives numbers of 32 bits to digests (32 hexadecimal digits). Of two that come to the same number the second takes the next one
 * that is free: that does not follow from its content, and must be remembered.
 */
export class ContentNumbers {
  readonly #first: number;
  readonly #prefer: (key: string) => number;
  readonly #byKey = new Map<string, number>();
  readonly #keys = new Map<number, string>();
  readonly #displaced = new Map<string, number>();

  /** Numbers below `first` have a meaning of their own. `prefer` is for tests: where a digest wants to be, from 0 to 2^32 - 1. */
  constructor(
    first: number,
    displaced: Displaced = {},
    prefer = (key: string) => Number.parseInt(key.slice(0, 8), 16),
  ) {
    this.#first = first;
    this.#prefer = prefer;
    for (const [key, number] of Object.entries(displaced)) this.#give(key, number);
  }

  get size(): number {
    return this.#byKey.size;
  }

  numberOf(key: string): number {
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    let number = this.#wanted(key);
    while (this.#keys.has(number)) number = number + 1 < limit ? number + 1 : this.#first;
    this.#give(key, number);
    return number;
  }

  keyOf(number: number): string | undefined {
    return this.#keys.get(number);
  }

  /** Gives back the numbers that are not in use. */
  keep(isUsed: (number: number) => boolean): void {
    for (const [key, number] of this.#byKey) {
      if (isUsed(number)) continue;
      this.#byKey.delete(key);
      this.#keys.delete(number);
      this.#displaced.delete(key);
    }
  }

  /** What must be remembered; mostly nothing. */
  get displaced(): Displaced {
    return Object.fromEntries(this.#displaced);
  }

  #wanted(key: string): number {
    return this.#first + (this.#prefer(key) % (limit - this.#first));
  }

  #give(key: string, number: number): void {
    this.#byKey.set(key, number);
    this.#keys.set(number, key);
    if (number !== this.#wanted(key)) this.#displaced.set(key, number);
  }
}
