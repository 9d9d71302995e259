// A file descriptor with one owner.

import { closeSync } from "node:fs";

/** Closes its descriptor when it goes out of scope: `using fd = new Fd(openSync(path))`. */
export class Fd implements Disposable {
  #number: number;

  constructor(number: number) {
    this.#number = number;
  }

  /** @throws RangeError after the descriptor was closed or given away. */
  get number(): number {
    if (this.#number < 0) throw new RangeError("The descriptor is closed already");
    return this.#number;
  }

  /** Gives the descriptor away: the caller closes it. */
  disown(): number {
    const number = this.number;
    this.#number = -1;
    return number;
  }

  [Symbol.dispose](): void {
    if (this.#number >= 0) closeSync(this.#number);
    this.#number = -1;
  }
}
