// Who watches which keys: a change costs only those whose prefix matches.

import type { StoreEvent } from "./event-window.ts";

export type WatchSink = (event: StoreEvent) => void;

/** Sinks by prefix. A key is looked up once per "/" in it, however many watch elsewhere. */
export class WatchIndex {
  readonly #sinks = new Map<string, Set<WatchSink>>();

  /** `prefix` ends in "/". The same sink may be added once per prefix. */
  add(prefix: string, sink: WatchSink): Disposable {
    const sinks = this.#sinks.get(prefix) ?? new Set();
    this.#sinks.set(prefix, sinks.add(sink));
    return {
      [Symbol.dispose]: () => {
        sinks.delete(sink);
        if (sinks.size === 0 && this.#sinks.get(prefix) === sinks) this.#sinks.delete(prefix);
      },
    };
  }

  notify(event: StoreEvent): void {
    const { key } = event;
    for (let slash = key.indexOf("/"); slash >= 0; slash = key.indexOf("/", slash + 1)) {
      const sinks = this.#sinks.get(key.slice(0, slash + 1));
      if (sinks === undefined) continue;
      for (const sink of sinks) sink(event);
    }
  }
}
