// The last changes of the store, in memory: what a watch starts from, and how a list sees an older revision.

import type { Stored } from "./stored.ts";

/** One change. Of a deletion `current` is the last state, with the revision of the deletion. */
export type StoreEvent = {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly key: string;
  readonly revision: number;
  readonly current: Stored;
  /** The state before, at its own revision. */
  readonly previous: Stored | undefined;
};

export type WindowLimits = {
  readonly events: number;
  /** Characters of JSON, of current and previous states together. */
  readonly characters: number;
};

/** A thousand pods from creation to readiness are some 8,000 changes; a paged list or a watch that breaks off spans fewer. */
const defaultWindow: WindowLimits = { events: 10_000, characters: 32 * 2 ** 20 };

/** Oldest changes are forgotten first; whoever asks for older ones than are there has to start over. */
export class EventWindow {
  readonly #limits: WindowLimits;
  #events: StoreEvent[] = [];
  /** Events before this index are forgotten; the array is cut when half of it is. */
  #first = 0;
  #characters = 0;
  /** The newest revision whose change is forgotten. */
  #floor: number;

  constructor(revision: number, limits: WindowLimits = defaultWindow) {
    this.#floor = revision;
    this.#limits = limits;
  }

  push(event: StoreEvent): void {
    this.#events.push(event);
    this.#characters += charactersOf(event);
    while (this.#events.length - this.#first > this.#limits.events || this.#characters > this.#limits.characters) {
      const oldest = this.#events[this.#first];
      if (oldest === undefined) break;
      this.#floor = oldest.revision;
      this.#characters -= charactersOf(oldest);
      this.#first++;
    }
    if (this.#first > 1_000 && this.#first * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#first);
      this.#first = 0;
    }
  }

  /** Whether everything after this revision is still known. */
  reaches(revision: number): boolean {
    return revision >= this.#floor;
  }

  /** Changes after a revision, oldest first. Only for a revision that the window reaches. */
  *since(revision: number): Generator<StoreEvent> {
    for (let i = this.#indexAfter(revision); i < this.#events.length; i++) {
      const event = this.#events[i];
      if (event !== undefined) yield event;
    }
  }

  /** Keys of a prefix that changed after a revision, with the state each had then (undefined: it did not exist). */
  statesAt(revision: number, prefix: string): Map<string, Stored | undefined> {
    const states = new Map<string, Stored | undefined>();
    for (const event of this.since(revision)) {
      if (event.key.startsWith(prefix) && !states.has(event.key)) states.set(event.key, event.previous);
    }
    return states;
  }

  /** Revisions ascend, but not by one in the window of one prefix: half the interval at each step. */
  #indexAfter(revision: number): number {
    let low = this.#first;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#events[middle]?.revision ?? Infinity) > revision) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

function charactersOf({ current, previous }: StoreEvent): number {
  return current.json.length + (previous?.json.length ?? 0);
}
