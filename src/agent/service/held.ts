// What the packet path's maps hold of services, kept in memory beside them: by the agent's own writes, and at its start as it is read.

import type { Cidr } from "#net/cidr.ts";
import { ip } from "#net/ip.ts";
import type { ServiceOperation } from "./operation.ts";
import { countBackends, noBackends, type PackedBackends, packBackends, unpackBackends } from "./packed-backends.ts";
import { type BackendRow, type FrontendRow, frontendKey, type SetRow } from "./row.ts";

/** A service's port of one family: `shop/web tcp/80 ipv4`. */
export type Group = {
  readonly number: number;
  readonly backends: readonly BackendRow[];
  readonly sets: readonly SetRow[];
  readonly ranges: readonly Cidr[];
  /** How many frontends lead to it. */
  readonly frontends: number;
};

/** A group as it is kept: there are many, and most are looked at seldom. */
export type PackedGroup = {
  readonly backends: PackedBackends;
  /** Numbers of sets. */
  readonly sets: readonly number[];
  readonly ranges: readonly Cidr[];
  readonly frontends: number;
};

export type PackedSet = {
  readonly group: number;
  readonly maglev: boolean;
  /** Numbers of backends, by slot. */
  readonly members: Uint32Array;
};

/** A group while it changes. */
type Draft = {
  readonly backends: Map<number, BackendRow>;
  readonly sets: Set<number>;
  readonly ranges: Set<Cidr>;
  frontends: number;
};

const none: readonly never[] = [];
const empty: PackedGroup = { backends: noBackends, sets: none, ranges: none, frontends: 0 };
const noAddress = ip("::");
/** Nobody's: that of refusals, and of what earlier agents left half written. */
const nobodys = 0;

export class Held {
  readonly #groups = new Map<number, PackedGroup>();
  readonly #frontends = new Map<string, FrontendRow>();
  readonly #sets = new Map<number, PackedSet>();
  #strays = empty;
  #backendCount = 0;

  get groups(): ReadonlyMap<number, PackedGroup> {
    return this.#groups;
  }

  get frontends(): ReadonlyMap<string, FrontendRow> {
    return this.#frontends;
  }

  get sets(): ReadonlyMap<number, PackedSet> {
    return this.#sets;
  }

  get backendCount(): number {
    return this.#backendCount;
  }

  /** Number 0: what is nobody's. */
  group(number: number): Group {
    const packed = this.#packed(number);
    const backends = unpackBackends(packed.backends);
    const byNumber = new Map(backends.map((row) => [row.number, row]));
    const sets = packed.sets.flatMap((set) => this.#unpackSet(set, byNumber) ?? []);
    return { number, backends, sets, ranges: packed.ranges, frontends: packed.frontends };
  }

  set(number: number): SetRow | undefined {
    const group = this.#sets.get(number)?.group;
    return group === undefined ? undefined : this.group(group).sets.find((row) => row.number === number);
  }

  /** Notes what was done. */
  commit(operations: Iterable<ServiceOperation>): void {
    const drafts = new Map<number, Draft>();
    const draft = (number: number) => {
      const known = drafts.get(number) ?? this.#open(number);
      drafts.set(number, known);
      return known;
    };
    for (const operation of operations) this.#commit(operation, draft);
    for (const [number, changed] of drafts) this.#close(number, changed);
  }

  #commit(operation: ServiceOperation, draft: (group: number) => Draft): void {
    switch (operation.do) {
      case "add backend":
        draft(operation.backend.group).backends.set(operation.backend.number, operation.backend);
        break;
      case "retire backend":
        draft(operation.backend.group).backends.delete(operation.backend.number);
        break;
      case "add set": {
        const { number, group, backends, maglev } = operation.set;
        this.#sets.set(number, { group, maglev, members: Uint32Array.from(backends, (each) => each.number) });
        draft(group).sets.add(number);
        break;
      }
      case "retire set":
        this.#sets.delete(operation.set.number);
        draft(operation.set.group).sets.delete(operation.set.number);
        break;
      case "add range":
        draft(operation.range.group).ranges.add(operation.range.block);
        break;
      case "remove range":
        draft(operation.range.group).ranges.delete(operation.range.block);
        break;
      case "set frontend":
        this.#removeFrontend(frontendKey(operation.frontend), draft);
        this.#frontends.set(frontendKey(operation.frontend), operation.frontend);
        draft(operation.frontend.group).frontends++;
        break;
      case "remove frontend":
        this.#removeFrontend(frontendKey(operation.frontend), draft);
        break;
    }
  }

  #removeFrontend(key: string, draft: (group: number) => Draft): void {
    const before = this.#frontends.get(key);
    if (before === undefined) return;
    this.#frontends.delete(key);
    draft(before.group).frontends--;
  }

  #packed(number: number): PackedGroup {
    return (number === nobodys ? this.#strays : this.#groups.get(number)) ?? empty;
  }

  #open(number: number): Draft {
    const { backends, sets, ranges, frontends } = this.#packed(number);
    return {
      backends: new Map(unpackBackends(backends).map((row) => [row.number, row])),
      sets: new Set(sets),
      ranges: new Set(ranges),
      frontends,
    };
  }

  /** A group of which nothing is left is gone. */
  #close(number: number, { backends, sets, ranges, frontends }: Draft): void {
    this.#backendCount += backends.size - countBackends(this.#packed(number).backends);
    const packed = {
      backends: backends.size === 0 ? noBackends : packBackends(backends.values()),
      sets: sets.size === 0 ? none : [...sets],
      ranges: ranges.size === 0 ? none : [...ranges],
      frontends,
    };
    if (number === nobodys) this.#strays = packed;
    else if (frontends + backends.size + sets.size + ranges.size === 0) this.#groups.delete(number);
    else this.#groups.set(number, packed);
  }

  /** A slot may lead to a backend that is not there, where somebody has meddled with the maps: that is nobody's. */
  #unpackSet(number: number, backends: ReadonlyMap<number, BackendRow>): SetRow | undefined {
    const packed = this.#sets.get(number);
    if (packed === undefined) return undefined;
    const members = Array.from(
      packed.members,
      (member) => backends.get(member) ?? { number: member, group: nobodys, address: noAddress, port: 0 },
    );
    return { number, group: packed.group, backends: members, maglev: packed.maglev };
  }
}
