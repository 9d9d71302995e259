// Compares maps of the packet path with what they should hold, again and again and a little at a time, and mends what is not so.

import { messageOf } from "#base/error-message.ts";
import type { Damage } from "#bpf/kept-map.ts";

export type ComparingOptions = {
  /** What the maps are about, as lines of the log begin. */
  readonly what: string;
  /** Goes through everything once; gives way often. @throws KernelError */
  readonly round: () => Generator<readonly Damage[]>;
  /** Milliseconds, with fractions where there are some. */
  readonly nowMs: () => number;
  readonly log: (line: string) => void;
};

/** For how long a comparison may hold up others, and how long they have then. */
const slice = { workMs: 4, restMs: 20 } as const;
/** A comparison begins this long after the one before began, and not before so many times the work of that one have passed. */
const compare = { periodMs: 1_000, share: 25 } as const;
/** Damage that is told one by one; more is told by its number. */
const maxShown = 20;

/** Begins a second after it was made, until it is disposed. */
export class Comparing implements Disposable {
  readonly #options: ComparingOptions;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #mended = 0;
  #hasEnded = false;

  constructor(options: ComparingOptions) {
    this.#options = options;
    this.#timer = setTimeout(() => this.#begin(), compare.periodMs);
  }

  /** Elements that were not as they should be, ever. */
  get mended(): number {
    return this.#mended;
  }

  [Symbol.dispose](): void {
    this.#hasEnded = true;
    clearTimeout(this.#timer);
  }

  #begin(): void {
    const { round, nowMs } = this.#options;
    const beganMs = nowMs();
    const steps = round();
    let workedMs = 0;
    const go = () => {
      const startMs = nowMs();
      let isDone = false;
      while (!isDone && nowMs() - startMs < slice.workMs) isDone = this.#step(steps);
      workedMs += nowMs() - startMs;
      if (this.#hasEnded) return;
      const waitMs = Math.max(compare.periodMs, workedMs * compare.share) - (nowMs() - beganMs);
      this.#timer = isDone
        ? setTimeout(() => this.#begin(), Math.max(waitMs, slice.restMs))
        : setTimeout(go, slice.restMs);
    };
    go();
  }

  /** True at the end of the round, and when it cannot go on: the next one begins anew. */
  #step(steps: Generator<readonly Damage[]>): boolean {
    const { what, log } = this.#options;
    try {
      const { done, value } = steps.next();
      if (done === true) return true;
      this.#mended += mendAll(value, what, log);
      return false;
    } catch (error) {
      log(`${what}: ${messageOf(error)}`);
      return true;
    }
  }
}

/** Mends, tells, and returns how much there was. @throws KernelError */
export function mendAll(damage: readonly Damage[], what: string, log: (line: string) => void): number {
  for (const { text } of damage.slice(0, maxShown)) log(`${what}: ${text}, mended`);
  if (damage.length > maxShown) log(`${what}: ${damage.length - maxShown} more mended`);
  for (const each of damage) each.mend();
  return damage.length;
}
