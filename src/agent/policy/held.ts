// What the maps of policies hold: read once, written here, and compared with the kernel whenever somebody asks.

import { type AnyMap, type Damage, KeptMap, keptIn } from "#bpf/kept-map.ts";
import type { Datapath } from "#datapath/datapath.ts";
import { list as fixedLists } from "#datapath/policy-format.ts";
import type { Cidr } from "#net/cidr.ts";
import type { Ip } from "#net/ip.ts";

type Maps = Pick<Datapath["policy"], "identities" | "blocks" | "sets" | "choices" | "lists">;
type Kept<M> = M extends AnyMap<infer K, infer V> ? KeptMap<K, V> : never;
/** What is needed of the packet path's maps. */
export type PolicyMaps = {
  readonly [N in keyof Maps]: Maps[N] extends AnyMap<infer K, infer V> ? AnyMap<K, V> : never;
};

/** `direction`: 0 ingress, 1 egress. */
export type ChoiceRow = { readonly set: number; readonly direction: number; readonly identity: number };
export type SetRow = { readonly ingress: number; readonly egress: number };
export type EntryRow = {
  readonly prefixLength: number;
  readonly protocol: number;
  readonly port: number;
  readonly rule: number;
  readonly allow: number;
};

type ListKey = Omit<EntryRow, "rule" | "allow"> & { readonly list: number };

export class Held {
  readonly identities: ReadonlyMap<Ip, number>;
  readonly blocks: ReadonlyMap<Cidr, number>;
  readonly #sets = new Map<number, SetRow>();
  readonly #choices = new Map<string, ChoiceRow & { readonly list: number }>();
  readonly #lists = new Map<number, Map<string, EntryRow>>();
  /** How many sets and choices name a list. */
  readonly #uses = new Map<number, number>();
  readonly #idle = new Set<number>();
  /** Where it is written. */
  readonly maps: { readonly [N in keyof Maps]: Kept<Maps[N]> };

  /** Reads the maps. @throws KernelError */
  constructor(maps: PolicyMaps) {
    const identities = new Map<Ip, number>();
    const blocks = new Map<Cidr, number>();
    this.identities = identities;
    this.blocks = blocks;
    this.maps = {
      identities: new KeptMap(
        maps.identities,
        keptIn(identities, (address) => `identity of ${address}`),
      ),
      blocks: new KeptMap(
        maps.blocks,
        keptIn(blocks, (block) => `identity of ${block}`),
      ),
      sets: new KeptMap(maps.sets, {
        get: (set) => this.#sets.get(set),
        set: (set, lists) => this.#setSet(set, lists),
        delete: (set) => this.#setSet(set, undefined),
        all: () => this.#sets,
        format: (set) => `policy set ${set}`,
      }),
      choices: new KeptMap(maps.choices, {
        get: (row) => this.#choices.get(choiceKey(row))?.list,
        set: (row, list) => this.#setChoice({ ...row, list }),
        delete: (row) => this.#dropChoice(row),
        all: () => this.#choices.values().map(({ list, ...row }) => [row, list]),
        format: (row) => `choice for ${formatChoice(row)}`,
      }),
      lists: new KeptMap(maps.lists, {
        get: (key) => this.#lists.get(key.list)?.get(entryKey(key)),
        set: ({ list, ...key }, { rule, allow }) => this.#setEntry(list, { ...key, rule, allow }),
        delete: (key) => this.#dropEntry(key),
        all: () => this.#allEntries(),
        format: ({ list, prefixLength, protocol, port }) => `entry ${protocol}:${port}/${prefixLength} of list ${list}`,
      }),
    };
  }

  get sets(): ReadonlyMap<number, SetRow> {
    return this.#sets;
  }

  /** By `choiceKey`. */
  get choices(): ReadonlyMap<string, ChoiceRow & { readonly list: number }> {
    return this.#choices;
  }

  /** By list and `entryKey`. */
  get lists(): ReadonlyMap<number, ReadonlyMap<string, EntryRow>> {
    return this.#lists;
  }

  /** Compares all maps once, a few thousand elements at a time. @throws KernelError */
  *compare(): Generator<readonly Damage[]> {
    // What is missing comes back in the order in which it was made.
    for (const name of ["lists", "sets", "choices", "blocks", "identities"] as const) yield* this.maps[name].compare();
  }

  /** Lists that no set and no choice names. */
  idleLists(): readonly number[] {
    return [...this.#idle];
  }

  /** The list for one identity, as the programs find it. */
  listOf({ set, direction, identity }: ChoiceRow): number {
    const chosen = this.#choices.get(choiceKey({ set, direction, identity }));
    if (chosen !== undefined) return chosen.list;
    const rest = this.#sets.get(set);
    return (direction === 0 ? rest?.ingress : rest?.egress) ?? fixedLists.deny;
  }

  #setSet(set: number, lists: SetRow | undefined): void {
    const before = this.#sets.get(set);
    if (lists === undefined) this.#sets.delete(set);
    else this.#sets.set(set, lists);
    for (const list of [lists?.ingress, lists?.egress]) this.#use(list, 1);
    for (const list of [before?.ingress, before?.egress]) this.#use(list, -1);
  }

  #setChoice(row: ChoiceRow & { readonly list: number }): void {
    const before = this.#choices.get(choiceKey(row));
    this.#choices.set(choiceKey(row), row);
    this.#use(row.list, 1);
    this.#use(before?.list, -1);
  }

  #dropChoice(row: ChoiceRow): void {
    const before = this.#choices.get(choiceKey(row));
    this.#choices.delete(choiceKey(row));
    this.#use(before?.list, -1);
  }

  #setEntry(list: number, entry: EntryRow): void {
    this.#lists.getOrInsertComputed(list, () => new Map()).set(entryKey(entry), entry);
    if (!this.#uses.has(list)) this.#idle.add(list);
  }

  #dropEntry(key: ListKey): void {
    const entries = this.#lists.get(key.list);
    entries?.delete(entryKey(key));
    if (entries?.size !== 0) return;
    this.#lists.delete(key.list);
    this.#idle.delete(key.list);
  }

  *#allEntries(): Generator<readonly [ListKey, { readonly rule: number; readonly allow: number }]> {
    for (const [list, entries] of this.#lists) {
      for (const { rule, allow, ...key } of entries.values())
        yield [
          { list, ...key },
          { rule, allow },
        ];
    }
  }

  #use(list: number | undefined, step: number): void {
    if (list === undefined || list === fixedLists.allow || list === fixedLists.deny) return;
    const uses = (this.#uses.get(list) ?? 0) + step;
    if (uses > 0) this.#uses.set(list, uses);
    else this.#uses.delete(list);
    if (uses > 0) this.#idle.delete(list);
    else if (this.#lists.has(list)) this.#idle.add(list);
  }
}

/** `20 in set 5 ingress` */
export function formatChoice({ set, direction, identity }: ChoiceRow): string {
  return `${identity} in set ${set} ${direction === 0 ? "ingress" : "egress"}`;
}

/** Names an element of `list_choices`: set, direction, identity. */
export function choiceKey({ set, direction, identity }: ChoiceRow): string {
  return `${set} ${direction} ${identity}`;
}

/** Names an entry within its list: prefix length, protocol, port. */
export function entryKey({
  prefixLength,
  protocol,
  port,
}: Pick<EntryRow, "prefixLength" | "protocol" | "port">): string {
  return `${prefixLength} ${protocol} ${port}`;
}
