// Numbers for what the maps hold: one that was just given back is not given again for a long time.

export class Numbers {
  #last: number;
  readonly #isTaken: (number: number) => boolean;

  /** `last`: the highest that anybody may remember. */
  constructor(last: number, isTaken: (number: number) => boolean) {
    this.#last = last;
    this.#isTaken = isTaken;
  }

  /** Above 0, and below 2^32. */
  next(): number {
    do this.#last = this.#last >= 0xffff_ffff ? 1 : this.#last + 1;
    while (this.#isTaken(this.#last));
    return this.#last;
  }
}
