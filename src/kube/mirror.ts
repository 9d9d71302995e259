// The objects of a collection as they are now, kept up to date by following it.

import type { KubeClient, Selection } from "./client.ts";
import { type Metadata, objectName } from "./object.ts";
import { type Pace, reflect } from "./reflect.ts";
import type { Resource } from "./resource.ts";

/** An object as it was and is: without `before` it is new, without `after` it is gone. */
export type Difference<T> = { readonly before: T | undefined; readonly after: T | undefined };

export type MirrorOptions<T, R> = {
  readonly client: KubeClient;
  readonly resource: Resource<T>;
  /** What is kept of an object; all of it unless given. */
  readonly transform?: (object: T) => R;
  readonly selection?: Selection;
  readonly pace: Pace;
  /** Told of every difference, after `objects` has it. */
  readonly changed?: (difference: Difference<R>) => void;
  /** Told of every round that failed; it is tried again anyhow. */
  readonly failed?: (error: unknown) => void;
  /** Told whenever the collection is followed from now on: for the first time, and after every round that failed. */
  readonly followed?: () => void;
};

/**
 * Follows a collection from its making until it is disposed.
 *
 *     using mirror = new Mirror({ client, resource: pods, pace, changed: () => wake() });
 *     await mirror.synced;
 *     mirror.objects.get("shop/frontend-1");
 */
export class Mirror<T extends { readonly metadata: Metadata }, R = T> implements Disposable {
  readonly #objects = new Map<string, R>();
  readonly #versions = new Map<string, string | undefined>();
  readonly #end = new AbortController();
  readonly #options: MirrorOptions<T, R>;
  #revision = 0;
  /** Resolves when the first list is in. */
  readonly synced: Promise<void>;
  /** Resolves when the mirror has ended, after it was disposed. */
  readonly ended: Promise<void>;

  constructor(options: MirrorOptions<T, R>) {
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.synced = promise;
    this.ended = this.#follow(resolve);
  }

  /** By `objectName`: `shop/frontend-1`. */
  get objects(): ReadonlyMap<string, R> {
    return this.#objects;
  }

  /**
   * The highest revision seen in any object, so that a client can wait for its own writes to come back.
   * Revisions may be compared as numbers (Kubernetes API concepts, "Resource versions").
   */
  get revision(): number {
    return this.#revision;
  }

  [Symbol.dispose](): void {
    this.#end.abort();
  }

  async #follow(synced: () => void): Promise<void> {
    const { client, resource, transform, selection = {}, pace, failed, followed } = this.#options;
    const read = (object: T): Row<R> => ({
      name: objectName(object),
      version: object.metadata.resourceVersion,
      // Without a transformation R is T.
      value: transform === undefined ? (object as unknown as R) : transform(object),
    });
    /** Of before the list that is being read. */
    let unseen = new Set<string>();
    for await (const change of reflect(client, resource, read, selection, pace, this.#end.signal, followed)) {
      if (change.change === "listing") unseen = new Set(this.#objects.keys());
      else if (change.change === "set") {
        for (const row of change.objects) {
          unseen.delete(row.name);
          this.#set(row);
        }
      } else if (change.change === "listed") {
        for (const name of unseen) this.#remove(name);
        unseen.clear();
        synced();
      } else if (change.change === "removed") {
        this.#see(change.object);
        this.#remove(change.object.name);
      } else failed?.(change.error);
    }
  }

  #set(row: Row<R>): void {
    this.#see(row);
    const { name, version, value } = row;
    const before = this.#objects.get(name);
    // A list after a lost watch brings mostly what is known.
    if (before !== undefined && this.#versions.get(name) === version) return;
    this.#objects.set(name, value);
    this.#versions.set(name, version);
    this.#options.changed?.({ before, after: value });
  }

  #see({ version }: Row<R>): void {
    this.#revision = Math.max(this.#revision, Number(version ?? 0));
  }

  #remove(name: string): void {
    const before = this.#objects.get(name);
    if (before === undefined) return;
    this.#objects.delete(name);
    this.#versions.delete(name);
    this.#options.changed?.({ before, after: undefined });
  }
}

/** What is kept of an object, beside what tells it from its earlier selves. */
type Row<R> = { readonly name: string; readonly version: string | undefined; readonly value: R };
