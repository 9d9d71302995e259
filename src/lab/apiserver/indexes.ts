// What has to be known of all objects of a resource at once: counted when it is first asked for, and kept with every write from then on.

import type { KubeObject } from "#kube/object.ts";
import { prefixOf } from "./keys.ts";
import type { Store } from "./store/store.ts";

/** Sums up objects. What it says must not depend on their order. */
export type ObjectIndex = {
  add(object: KubeObject): void;
  /** One that was added, as it was then. */
  remove(object: KubeObject): void;
};

/** Of which resource. */
export type IndexClass<T extends ObjectIndex> = (new () => T) & { readonly group: string; readonly plural: string };

/** Nothing of it is stored: a server that starts counts again. */
export class Indexes implements Disposable {
  readonly #store: Store;
  readonly #stack = new DisposableStack();
  readonly #kept = new Map<IndexClass<ObjectIndex>, ObjectIndex>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** As of the last write. */
  get<T extends ObjectIndex>(kind: IndexClass<T>): T {
    const known = this.#kept.get(kind);
    if (known instanceof kind) return known;
    const index = new kind();
    const prefix = prefixOf(kind, undefined);
    const { items, revision } = this.#store.list(prefix);
    for (const { object } of items) index.add(object);
    this.#stack.use(
      this.#store.watch(prefix, revision, ({ type, current, previous }) => {
        if (previous !== undefined) index.remove(previous.object);
        if (type !== "DELETED") index.add(current.object);
      }),
    );
    this.#kept.set(kind, index);
    return index;
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
    this.#kept.clear();
  }
}
