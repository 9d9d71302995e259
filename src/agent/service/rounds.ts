// When services are updated, compared and tidied: at once when something changes, a little at a time when there is much to do.

import { Comparing } from "#agent/comparing.ts";
import { messageOf } from "#base/error-message.ts";
import type { Damage } from "#bpf/kept-map.ts";
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

export class Rounds implements Disposable {
  readonly #options: RoundsOptions;
  readonly #dirty = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #comparing: Comparing | undefined;
  #isSynced = false;
  #hasEnded = false;

  constructor(options: RoundsOptions) {
    this.#options = options;
  }

  /** Whether `load` has been done. */
  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** Elements that were not as they should be, ever. */
  get mended(): number {
    return this.#comparing?.mended ?? 0;
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
    const { nowMs, log } = this.#options;
    this.#comparing = new Comparing({ what: "services", round: () => this.#round(), nowMs, log });
  }

  [Symbol.dispose](): void {
    this.#hasEnded = true;
    clearTimeout(this.#timer);
    this.#comparing?.[Symbol.dispose]();
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

  *#round(): Generator<readonly Damage[]> {
    const { services } = this.#options;
    services.removeRetired();
    for (const damage of services.compare()) {
      yield damage;
      services.removeRetired();
    }
  }

  /** What failed is tried again with the next change. */
  #try(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#options.log(`services: ${messageOf(error)}`);
    }
  }
}
