// What owners want under keys that only one of them can have, and what changes when one of them wants other things.

/** What is under a key now; undefined: nothing. */
export type ClaimChange<V> = { readonly key: string; readonly before: V | undefined; readonly after: V | undefined };

type Wish<V> = { readonly owner: string; readonly rank: string; readonly value: V };

/** Several owners may want the same; of those that want different things, the one whose rank comes first has it. */
export class Claims<V> {
  readonly #wanted = new Map<string, readonly Wish<V>[]>();
  readonly #owned = new Map<string, readonly string[]>();
  readonly #same: (a: V, b: V) => boolean;

  /** `same`: whether two values make no difference. */
  constructor(same: (a: V, b: V) => boolean) {
    this.#same = same;
  }

  /** Replaces all that an owner wants; costs as much as that, whatever the others want. Its name is its rank unless given. */
  replace(owner: string, wishes: ReadonlyMap<string, V>, rank = owner): readonly ClaimChange<V>[] {
    const touched = new Set([...(this.#owned.get(owner) ?? []), ...wishes.keys()]);
    const changes: ClaimChange<V>[] = [];
    for (const key of touched) {
      const all = this.#wanted.get(key) ?? [];
      const others = all.filter((wish) => wish.owner !== owner);
      const value = wishes.get(key);
      const next = value === undefined ? others : [...others, { owner, rank, value }].sort(byRank);
      if (next.length === 0) this.#wanted.delete(key);
      else this.#wanted.set(key, next);
      const [before, after] = [all[0]?.value, next[0]?.value];
      if (!this.#isSame(before, after)) changes.push({ key, before, after });
    }
    if (wishes.size === 0) this.#owned.delete(owner);
    else this.#owned.set(owner, [...wishes.keys()]);
    return changes;
  }

  /** What is under a key. */
  get(key: string): V | undefined {
    return this.#wanted.get(key)?.[0]?.value;
  }

  /** Everything, by key. */
  *entries(): Generator<readonly [key: string, value: V]> {
    for (const [key, [first]] of this.#wanted) if (first !== undefined) yield [key, first.value];
  }

  #isSame(a: V | undefined, b: V | undefined): boolean {
    return a === undefined || b === undefined ? a === b : this.#same(a, b);
  }
}

function byRank<V>(a: Wish<V>, b: Wish<V>): number {
  return a.rank < b.rank || (a.rank === b.rank && a.owner < b.owner) ? -1 : 1;
}
