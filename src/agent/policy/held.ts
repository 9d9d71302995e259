// What the maps of policies hold, read once and kept up to date by whoever writes them.

import type { Datapath } from "#datapath/datapath.ts";
import { list as fixedLists } from "#datapath/policy-format.ts";
import type { Cidr } from "#net/cidr.ts";
import type { Ip } from "#net/ip.ts";

type Maps = Pick<Datapath["policy"], "identities" | "blocks" | "sets" | "choices" | "lists">;
/** What is needed of the packet path's maps. */
export type PolicyMaps = { readonly [N in keyof Maps]: Pick<Maps[N], "set" | "delete" | "entries"> };

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

export class Held {
  readonly identities = new Map<Ip, number>();
  readonly blocks = new Map<Cidr, number>();
  readonly sets = new Map<number, SetRow>();
  /** By `choiceKey`. */
  readonly choices = new Map<string, ChoiceRow & { readonly list: number }>();
  /** By list and `entryKey`. */
  readonly lists = new Map<number, Map<string, EntryRow>>();
  /** How many sets and choices name a list. */
  readonly #uses = new Map<number, number>();
  readonly #idle = new Set<number>();

  /** @throws KernelError */
  static read(maps: PolicyMaps): Held {
    const held = new Held();
    for (const [address, identity] of maps.identities.entries()) held.identities.set(address, identity);
    for (const [block, identity] of maps.blocks.entries()) held.blocks.set(block, identity);
    for (const [set, lists] of maps.sets.entries()) held.setSet(set, lists);
    for (const [row, list] of maps.choices.entries()) held.setChoice({ ...row, list });
    for (const [{ list, ...key }, verdict] of maps.lists.entries()) held.setEntry(list, { ...key, ...verdict });
    return held;
  }

  setSet(set: number, lists: SetRow | undefined): void {
    const before = this.sets.get(set);
    if (lists === undefined) this.sets.delete(set);
    else this.sets.set(set, lists);
    for (const list of [lists?.ingress, lists?.egress]) this.#use(list, 1);
    for (const list of [before?.ingress, before?.egress]) this.#use(list, -1);
  }

  setChoice(row: ChoiceRow & { readonly list: number }): void {
    const before = this.choices.get(choiceKey(row));
    this.choices.set(choiceKey(row), row);
    this.#use(row.list, 1);
    this.#use(before?.list, -1);
  }

  dropChoice(row: ChoiceRow): void {
    const before = this.choices.get(choiceKey(row));
    this.choices.delete(choiceKey(row));
    this.#use(before?.list, -1);
  }

  setEntry(list: number, entry: EntryRow): void {
    const entries = this.lists.getOrInsertComputed(list, () => new Map());
    entries.set(entryKey(entry), entry);
    if (!this.#uses.has(list)) this.#idle.add(list);
  }

  dropEntry(list: number, entry: EntryRow): void {
    const entries = this.lists.get(list);
    entries?.delete(entryKey(entry));
    if (entries?.size !== 0) return;
    this.lists.delete(list);
    this.#idle.delete(list);
  }

  /** Lists that no set and no choice names. */
  idleLists(): readonly number[] {
    return [...this.#idle];
  }

  /** The list for one identity, as the programs find it. */
  listOf({ set, direction, identity }: ChoiceRow): number {
    const chosen = this.choices.get(choiceKey({ set, direction, identity }));
    if (chosen !== undefined) return chosen.list;
    const rest = this.sets.get(set);
    return (direction === 0 ? rest?.ingress : rest?.egress) ?? fixedLists.deny;
  }

  #use(list: number | undefined, step: number): void {
    if (list === undefined || list === fixedLists.allow || list === fixedLists.deny) return;
    const uses = (this.#uses.get(list) ?? 0) + step;
    if (uses > 0) this.#uses.set(list, uses);
    else this.#uses.delete(list);
    if (uses > 0) this.#idle.delete(list);
    else if (this.lists.has(list)) this.#idle.add(list);
  }
}

export function choiceKey({ set, direction, identity }: ChoiceRow): string {
  return `${set} ${direction} ${identity}`;
}

export function entryKey({ prefixLength, protocol, port }: EntryRow): string {
  return `${prefixLength} ${protocol} ${port}`;
}
