// Events about pods and nodes: written one after the other, equal ones counted, and not more of one object than anybody reads.

import type { KubeClient } from "./client.ts";
import { events } from "./resource.ts";
import { timestamp } from "./time.ts";

/** What an event is about. */
export type EventObject = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly uid?: string | undefined;
  readonly fieldPath?: string | undefined;
};

export type EventNote = {
  readonly object: EventObject;
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
};

export type EventSource = {
  readonly client: KubeClient;
  /** Who writes them: `kubelet`. */
  readonly component: string;
  readonly node: string;
  /** Milliseconds of the epoch. */
  readonly now: () => number;
};

const maxWaiting = 1000;
const maxRemembered = 2000;
/** About one object: so many at once, and then one more whenever so much time has passed. Kubernetes' own clients have these numbers. */
const burst = 25;
const refillMs = 300_000;

type Written = { readonly namespace: string; readonly name: string; count: number };
type Budget = { readonly left: number; readonly atMs: number };

/** Writes events in the background: nobody waits for them, and at most so many wait to be written. */
export class EventRecorder {
  readonly #source: EventSource;
  readonly #waiting: EventNote[] = [];
  /** By all that makes two events equal: the object that counts them. */
  readonly #written = new Map<string, Written>();
  readonly #budgets = new Map<string, Budget>();
  #writing = false;
  #serial = 0;

  constructor(source: EventSource) {
    this.#source = source;
  }

  note(note: EventNote): void {
    if (this.#waiting.length >= maxWaiting || !this.#afford(note.object)) return;
    this.#waiting.push(note);
    if (!this.#writing) void this.#write();
  }

  #afford({ kind, namespace, name, uid }: EventObject): boolean {
    const key = [kind, namespace, name, uid].join("\0");
    const nowMs = this.#source.now();
    const before = this.#budgets.get(key) ?? { left: burst, atMs: nowMs };
    const left = Math.min(burst, before.left + (nowMs - before.atMs) / refillMs);
    if (left < 1) return false;
    remember(this.#budgets, key, { left: left - 1, atMs: nowMs });
    return true;
  }

  async #write(): Promise<void> {
    this.#writing = true;
    for (let note = this.#waiting.shift(); note !== undefined; note = this.#waiting.shift()) {
      // An event that cannot be written is not worth a second try.
      await this.#writeOne(note).catch(() => undefined);
    }
    this.#writing = false;
  }

  async #writeOne({ object, type, reason, message }: EventNote): Promise<void> {
    const { client, component, node, now } = this.#source;
    const key = [object.kind, object.namespace, object.name, object.uid, object.fieldPath, reason, message].join("\0");
    const time = timestamp(now());
    const before = this.#written.get(key);
    if (before !== undefined) {
      before.count += 1;
      await client.patch(events, before, "merge", { count: before.count, lastTimestamp: time });
      return;
    }
    const namespace = object.namespace ?? "default";
    const name = `${object.name}.${(now() * 1000 + this.#serial++).toString(16)}`;
    await client.create(events, {
      metadata: { namespace, name },
      involvedObject: withoutUndefined(object),
      ...{ type, reason, message, count: 1, firstTimestamp: time, lastTimestamp: time },
      source: { component, host: node },
    });
    remember(this.#written, key, { namespace, name, count: 1 });
  }
}

/** Forgets the oldest where there are too many. */
function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.set(key, value);
  for (const old of map.keys()) {
    if (map.size <= maxRemembered) return;
    map.delete(old);
  }
}

function withoutUndefined(object: EventObject): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(object).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
