// Events about pods and the node: written one after the other, equal ones counted.

import type { KubeClient } from "#kube/client.ts";
import { events } from "#kube/resource.ts";

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

const maxWaiting = 1000;
const maxRemembered = 2000;

/** Writes events in the background: nobody waits for them, and at most so many wait to be written. */
export class Events {
  readonly #client: KubeClient;
  readonly #node: string;
  readonly #now: () => number;
  readonly #waiting: EventNote[] = [];
  /** By all that makes two events equal: the object that counts them. */
  readonly #written = new Map<string, { readonly namespace: string; readonly name: string; count: number }>();
  #writing = false;
  #serial = 0;

  constructor(client: KubeClient, node: string, now: () => number) {
    this.#client = client;
    this.#node = node;
    this.#now = now;
  }

  note(note: EventNote): void {
    if (this.#waiting.length >= maxWaiting) return;
    this.#waiting.push(note);
    if (!this.#writing) void this.#write();
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
    const key = [object.kind, object.namespace, object.name, object.uid, object.fieldPath, reason, message].join("\0");
    const time = new Date(this.#now()).toISOString().replace(/\.\d+Z$/, "Z");
    const before = this.#written.get(key);
    if (before !== undefined) {
      before.count += 1;
      await this.#client.patch(events, before, "merge", { count: before.count, lastTimestamp: time });
      return;
    }
    const namespace = object.namespace ?? "default";
    const name = `${object.name}.${(this.#now() * 1000 + this.#serial++).toString(16)}`;
    await this.#client.create(events, {
      metadata: { namespace, name },
      involvedObject: withoutUndefined({ ...object, namespace: object.namespace }),
      ...{ type, reason, message, count: 1, firstTimestamp: time, lastTimestamp: time },
      source: { component: "kubelet", host: this.#node },
    });
    this.#written.set(key, { namespace, name, count: 1 });
    for (const old of this.#written.keys()) if (this.#written.size > maxRemembered) this.#written.delete(old);
  }
}

function withoutUndefined(object: EventObject): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(object).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
