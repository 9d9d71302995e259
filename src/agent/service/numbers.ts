// Numbers for what the maps hold: one that was just given back is not given again for a long time.

const lastOfAll = 0xffff_ffff;

export class Numbers {
  #last: number;
  readonly #isTaken: (number: number) => boolean;
  /** Before the first time around nobody can have a number that comes. */
  #isFresh = true;

  /** `last`: the highest that anybody has or may remember. */
  constructor(last: number, isTaken: (number: number) => boolean) {
    this.#last = last;
    this.#isTaken = isTaken;
  }

  /** Above 0, and below 2^32. */
  next(): number {
    do {
      if (this.#last >= lastOfAll) [this.#last, this.#isFresh] = [0, false];
      this.#last++;
    } while (!this.#isFresh && this.#isTaken(this.#last));
    return this.#last;
  }
}
