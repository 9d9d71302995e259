// What waits to be sent to one watcher: filled inside writes, emptied as fast as the watcher reads.

import type { StoreEvent } from "#lab/apiserver/store/event-window.ts";

/** A watcher that is so many changes behind is cut off: it lists again or continues from its last revision. */
const maxPending = 20_000;

export class WatchQueue {
  #events: StoreEvent[] = [];
  #wake: (() => void) | undefined;
  #ended = false;

  readonly push = (event: StoreEvent): void => {
    if (this.#events.length >= maxPending) this.#ended = true;
    else this.#events.push(event);
    this.#wake?.();
  };

  get isEmpty(): boolean {
    return this.#events.length === 0;
  }

  /** Ends the queue; what is in it is dropped. */
  readonly end = (): void => {
    this.#ended = true;
    this.#wake?.();
  };

  /** Whatever waits, as soon as something does; empty after `timeoutMs` without; undefined at the end. */
  async next(timeoutMs: number): Promise<readonly StoreEvent[] | undefined> {
    if (this.#events.length === 0 && !this.#ended) await this.#sleep(timeoutMs);
    if (this.#ended) return undefined;
    const events = this.#events;
    this.#events = [];
    return events;
  }

  async #sleep(timeoutMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timeoutMs);
    this.#wake = resolve;
    await promise;
    this.#wake = undefined;
    clearTimeout(timer);
  }
}
