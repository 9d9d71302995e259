// When a worker looks again by itself: at the earliest time that it wished for, and later and later as long as something fails.

const firstRetryMs = 500;
const lastRetryMs = 20_000;

export class WakeTimer {
  readonly #now: () => number;
  readonly #wake: () => void;
  #retryMs = firstRetryMs;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #dueMs = Number.POSITIVE_INFINITY;

  constructor(now: () => number, wake: () => void) {
    this.#now = now;
    this.#wake = wake;
  }

  /** Wakes in so long, or earlier where that was wished for already. */
  within(ms: number): void {
    const due = this.#now() + ms;
    if (due >= this.#dueMs) return;
    clearTimeout(this.#timer);
    this.#dueMs = due;
    this.#timer = setTimeout(this.#wake, ms);
  }

  /** Wakes after a pause, twice as long as the one before. */
  tryAgain(): void {
    const pauseMs = this.#retryMs;
    this.#retryMs = Math.min(2 * this.#retryMs, lastRetryMs);
    this.within(pauseMs);
  }

  /** What failed is well again: the next pause is a short one. */
  calm(): void {
    this.#retryMs = firstRetryMs;
  }

  /** Forgets all wishes, but not how long the next pause is. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#dueMs = Number.POSITIVE_INFINITY;
  }
}
