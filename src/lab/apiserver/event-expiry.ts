// Events end an hour after they were last seen, as with a kube-apiserver (--event-ttl): a lab that runs for days keeps no more.

import type { KubeObject } from "#kube/object.ts";
import type { ApiContext } from "./context.ts";
import { prefixOf } from "./keys.ts";
import { isFields } from "./schema/json.ts";

const lifetimeMs = 3_600_000;
/** New events make the server look for old ones, but not more often than this. */
const sweepPeriodMs = 60_000;
const prefix = prefixOf({ group: "", plural: "events" }, undefined);

/** Removes old events when new ones come. */
export class EventExpiry implements Disposable {
  readonly #context: ApiContext;
  readonly #watch: Disposable;
  #sweptMs = 0;

  constructor(context: ApiContext) {
    this.#context = context;
    const { store } = context;
    this.#watch = store.watch(prefix, store.revision, ({ type }) => {
      // This runs inside of the write of an event: what follows from it is written after.
      if (type === "ADDED") queueMicrotask(() => this.#sweep());
    });
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
  }

  #sweep(): void {
    const { store, now } = this.#context;
    const nowMs = now();
    if (nowMs - this.#sweptMs < sweepPeriodMs) return;
    this.#sweptMs = nowMs;
    for (const { key, revision, object } of store.list(prefix).items) {
      if (nowMs - lastSeenMs(object) > lifetimeMs) store.remove(key, revision);
    }
  }
}

/** The latest time that an event names: repeated ones are written again (core/v1 Event). */
function lastSeenMs({ metadata, lastTimestamp, eventTime, series }: KubeObject): number {
  const observed = isFields(series) ? series["lastObservedTime"] : undefined;
  const times = [metadata.creationTimestamp, lastTimestamp, eventTime, observed];
  return Math.max(...times.map((time) => (typeof time === "string" ? Date.parse(time) || 0 : 0)));
}
