// When services are updated, compared and tidied: at once when something changes, a little at a time when there is much to do.

import type { Services } from "./services.ts";

export type RoundsOptions = {
  readonly services: Services;
  /** Milliseconds, with fractions where there are some. */
  readonly nowMs: () => number;
  readonly log: (line: string) => void;
};

/** A rollout changes a slice many times a second: what comes together is done together. */
const settleMs = 2;
/** Owners that are updated before others get a turn. */
const maxAtOnce = 250;
/** For how long a comparison may hold up others, and how long they have then. */
const slice = { workMs: 4, restMs: 20 } as const;
/** A comparison begins this long after the one before began; one that takes long, so many times as long as it took later. */
const compare = { periodMs: 1_000, share: 25 } as const;

export class Rounds implements Disposable {
  readonly #options: RoundsOptions;
  readonly #dirty = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #comparing: ReturnType<typeof setTimeout> | undefined;
  #isSynced = false;
  #hasEnded = false;

  constructor(options: RoundsOptions) {
    this.#options = options;
  }

  /** Whether `load` has been done. */
  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** These owners want other things, perhaps. Before `load` all are new anyhow. */
  touch(owners: Iterable<string>): void {
    for (const owner of owners) this.#dirty.add(owner);
    if (this.#isSynced && this.#dirty.size > 0 && !this.#hasEnded)
      this.#timer ??= setTimeout(() => this.#run(), settleMs);
  }

  /** Everything once, and what nobody has any more goes; from then on as it changes. */
  async load(owners: Iterable<string>): Promise<void> {
    for (const owner of owners) this.#dirty.add(owner);
    while (this.#dirty.size > 0 && !this.#hasEnded) {
      this.#some();
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (this.#hasEnded) return;
    this.#try(() => this.#options.services.removeLeftovers());
    this.#isSynced = true;
    this.#comparing = setTimeout(() => this.#compare(), compare.periodMs);
  }

  [Symbol.dispose](): void {
    this.#hasEnded = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#comparing);
  }

  #run(): void {
    this.#timer = undefined;
    this.#some();
    this.touch([]);
  }

  #some(): void {
    const owners = [...this.#dirty].slice(0, maxAtOnce);
    for (const owner of owners) this.#dirty.delete(owner);
    this.#try(() => {
      for (const other of this.#options.services.update(owners)) this.#dirty.add(other);
    });
  }

  #compare(): void {
    const { services, nowMs } = this.#options;
    const began = nowMs();
    let worked = 0;
    const steps = services.compare();
    const go = () => {
      const start = nowMs();
      let isDone = false;
      const isWell = this.#try(() => {
        services.removeRetired();
        while (!isDone && nowMs() - start < slice.workMs) isDone = steps.next().done === true;
      });
      isDone ||= !isWell;
      worked += nowMs() - start;
      if (this.#hasEnded) return;
      const waitMs = Math.max(compare.periodMs, worked * compare.share) - (nowMs() - began);
      this.#comparing = isDone
        ? setTimeout(() => this.#compare(), Math.max(waitMs, slice.restMs))
        : setTimeout(go, slice.restMs);
    };
    go();
  }

  /** False when it failed: it is tried again with the next change, or the next round. */
  #try(work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      this.#options.log(`services: ${error instanceof Error ? error.message : String(error)}`);
      return false;
    }
  }
}
