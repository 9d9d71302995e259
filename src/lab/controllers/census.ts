// Every object of the cluster, as little of it as ownership and namespaces need.

import type { KubeClient } from "#kube/client.ts";
import { discover, type ServedResource } from "#kube/discovery.ts";
import type { KubeObject, OwnerReference } from "#kube/object.ts";
import { type Pace, reflect } from "#kube/reflect.ts";

/** What the census keeps of an object. */
export type Entry = {
  readonly resource: ServedResource;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly uid: string;
  readonly owners: readonly OwnerReference[];
  readonly finalizers: readonly string[];
  readonly terminating: boolean;
};

/** Entries by uid, by owner and by namespace. */
export class Census {
  readonly #entries = new Map<string, Entry>();
  readonly #dependents = new Map<string, Set<string>>();
  readonly #members = new Map<string, Set<string>>();

  get(uid: string): Entry | undefined {
    return this.#entries.get(uid);
  }

  uids(): Iterable<string> {
    return this.#entries.keys();
  }

  dependentsOf(uid: string): readonly Entry[] {
    return this.#all(this.#dependents.get(uid));
  }

  membersOf(namespace: string): readonly Entry[] {
    return this.#all(this.#members.get(namespace));
  }

  set(entry: Entry): void {
    this.remove(entry.uid);
    this.#entries.set(entry.uid, entry);
    for (const { uid } of entry.owners) add(this.#dependents, uid, entry.uid);
    if (entry.namespace !== undefined) add(this.#members, entry.namespace, entry.uid);
  }

  remove(uid: string): void {
    const entry = this.#entries.get(uid);
    if (entry === undefined) return;
    this.#entries.delete(uid);
    for (const owner of entry.owners) drop(this.#dependents, owner.uid, uid);
    if (entry.namespace !== undefined) drop(this.#members, entry.namespace, uid);
  }

  #all(uids: Iterable<string> | undefined): readonly Entry[] {
    return [...(uids ?? [])].flatMap((uid) => this.#entries.get(uid) ?? []);
  }
}

function add(sets: Map<string, Set<string>>, key: string, uid: string): void {
  const set = sets.get(key) ?? new Set();
  sets.set(key, set.add(uid));
}

function drop(sets: Map<string, Set<string>>, key: string, uid: string): void {
  const set = sets.get(key);
  set?.delete(uid);
  if (set?.size === 0) sets.delete(key);
}

export type CensusOptions = {
  readonly client: KubeClient;
  readonly pace: Pace;
  /** Told of each entry that came, changed or went, after the census knows; `before` is what the census knew of it. */
  readonly changed: (entry: Entry, gone: boolean, before: Entry | undefined) => void;
  readonly failed: (what: string, error: unknown) => void;
};

/** Events are the one kind that is not counted: they own nothing, are many, and expire. */
const uncounted = ["events"];

/** Takes the census from its making until it is disposed; new kinds are counted when `discover` is called again. */
export class CensusTaker implements Disposable {
  readonly census = new Census();
  readonly #options: CensusOptions;
  readonly #end = new AbortController();
  readonly #counted = new Map<string, AbortController>();
  #served: readonly ServedResource[] = [];

  constructor(options: CensusOptions) {
    this.#options = options;
  }

  get served(): readonly ServedResource[] {
    return this.#served;
  }

  /** Reads what kinds there are, counts the new ones and forgets those that went. Resolves when all are counted once. */
  async discover(): Promise<void> {
    this.#served = await discover(this.#options.client);
    const wanted = this.#served.filter(
      ({ plural, verbs }) => verbs.includes("list") && verbs.includes("watch") && !uncounted.includes(plural),
    );
    const names = new Set(wanted.map(keyOf));
    for (const [key, end] of this.#counted) {
      if (names.has(key)) continue;
      end.abort();
      this.#counted.delete(key);
      this.#forget(key);
    }
    const fresh = wanted.filter((resource) => !this.#counted.has(keyOf(resource)));
    await Promise.all(fresh.map((resource) => this.#count(resource)));
  }

  [Symbol.dispose](): void {
    this.#end.abort();
  }

  #forget(key: string): void {
    for (const uid of [...this.census.uids()]) {
      const entry = this.census.get(uid);
      if (entry !== undefined && keyOf(entry.resource) === key) this.#gone(entry);
    }
  }

  #uidsOf(resource: ServedResource): readonly string[] {
    return [...this.census.uids()].filter((uid) => this.census.get(uid)?.resource === resource);
  }

  #count(resource: ServedResource): Promise<void> {
    const end = new AbortController();
    this.#counted.set(keyOf(resource), end);
    const { promise, resolve } = Promise.withResolvers<void>();
    void this.#follow(resource, AbortSignal.any([end.signal, this.#end.signal]), resolve);
    return promise;
  }

  async #follow(resource: ServedResource, signal: AbortSignal, counted: () => void): Promise<void> {
    const { client, pace, failed } = this.#options;
    const read = (object: KubeObject) => entryOf(resource, object);
    /** Of before the list that is being read. */
    let unseen = new Set<string>();
    for await (const change of reflect<KubeObject, Entry>(client, resource, read, {}, pace, signal)) {
      if (change.change === "listing") unseen = new Set(this.#uidsOf(resource));
      else if (change.change === "set") {
        for (const entry of change.objects) {
          unseen.delete(entry.uid);
          this.#there(entry);
        }
      } else if (change.change === "listed") {
        for (const entry of [...unseen].flatMap((uid) => this.census.get(uid) ?? [])) this.#gone(entry);
        unseen.clear();
        counted();
      } else if (change.change === "removed") this.#gone(change.object);
      else failed(`counting ${resource.plural}`, change.error);
    }
    counted();
  }

  #there(entry: Entry): void {
    const before = this.census.get(entry.uid);
    this.census.set(entry);
    this.#options.changed(entry, false, before);
  }

  #gone(entry: Entry): void {
    const before = this.census.get(entry.uid);
    this.census.remove(entry.uid);
    this.#options.changed(entry, true, before);
  }
}

function keyOf({ group, plural }: ServedResource): string {
  return `${group}/${plural}`;
}

function entryOf(resource: ServedResource, { metadata }: KubeObject): Entry {
  return {
    resource,
    namespace: metadata.namespace,
    name: metadata.name ?? "",
    uid: metadata.uid ?? "",
    owners: metadata.ownerReferences ?? [],
    finalizers: metadata.finalizers ?? [],
    terminating: metadata.deletionTimestamp !== undefined,
  };
}
