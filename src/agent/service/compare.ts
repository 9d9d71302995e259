// Compares the maps of services with what they should hold, a batch at a time: for whoever has little time in between.

import type { Damage } from "#bpf/kept-map.ts";
import { encode, Reader } from "#codec/codec.ts";
import { maglevBuckets, maglevChunk, maglevFormat } from "#datapath/service-format.ts";
import { chunksOf, toFrontend, toRange } from "./apply.ts";
import { frontendKeyAt, isFrontendAt } from "./element-bytes.ts";
import type { ServiceMaps } from "./have.ts";
import type { Held } from "./held.ts";
import { countBackends, findBackend, groupOfValue, holdsValue, noBackends, unpackBackends } from "./packed-backends.ts";
import { backendKey, frontendKey, toBackend } from "./row.ts";

/** What is on its way out: neither wanted nor strange. */
export type Retired = {
  readonly isSet: (number: number) => boolean;
  readonly isBackend: (number: number) => boolean;
};

export class Comparison {
  readonly #maps: ServiceMaps;
  readonly #held: Held;
  readonly #retired: Retired;
  /** Of the chunks of tables, by set. */
  #chunks = new Map<number, readonly number[]>();

  constructor(maps: ServiceMaps, held: Held, retired: Retired) {
    this.#maps = maps;
    this.#held = held;
    this.#retired = retired;
  }

  /** Goes through all maps once; gives way after every batch. Nothing is mended before its damage is looked after. @throws KernelError */
  *round(): Generator<readonly Damage[]> {
    yield* this.#backends();
    yield* this.#slots();
    yield* this.#tables();
    yield this.#ranges();
    yield* this.#frontends();
  }

  *#backends(): Generator<readonly Damage[]> {
    const { backends } = this.#maps;
    const seen = new Map<number, number>();
    const strange: number[] = [];
    for (const { count, keys, values } of backends.batches()) {
      const key = new DataView(keys.buffer, keys.byteOffset);
      const damage: Damage[] = [];
      for (let index = 0; index < count; index++) {
        const number = key.getUint32(index * 4, true);
        const at = index * backends.format.valueSize;
        const group = groupOfValue(values, at);
        const packed = this.#held.groups.get(group)?.backends ?? noBackends;
        const start = findBackend(packed, number);
        if (start === undefined) {
          if (!this.#retired.isBackend(number)) strange.push(number);
          continue;
        }
        seen.set(group, (seen.get(group) ?? 0) + 1);
        if (holdsValue(packed, start, values, at)) continue;
        const mend = () => this.#mendBackends(group, [number]);
        damage.push({ text: `backend ${number} had changed`, mend });
      }
      yield damage;
    }
    for (const [group, { backends: packed }] of this.#held.groups) {
      if (countBackends(packed) === (seen.get(group) ?? 0)) continue;
      const missing = unpackBackends(packed).filter(({ number, group: own }) => backends.get(number)?.service !== own);
      yield missing.map((row) => ({
        text: `backend ${row.number} (${backendKey(row)}) was missing`,
        mend: () => this.#mendBackends(group, [row.number]),
      }));
    }
    // One that says another group than its own has been mended by now.
    yield strange
      .filter((number) => this.#isStrange(number))
      .map((number) => ({ text: `backend ${number} was strange`, mend: () => backends.delete(number) }));
  }

  /** What was planned meanwhile is not undone. */
  #mendBackends(group: number, numbers: readonly number[]): void {
    const rows = this.#held.group(group).backends.filter(({ number }) => numbers.includes(number));
    this.#maps.backends.setAll(rows.map(toBackend));
  }

  #isStrange(number: number): boolean {
    const group = this.#maps.backends.get(number)?.service;
    if (group === undefined || this.#retired.isBackend(number)) return false;
    return findBackend(this.#held.groups.get(group)?.backends ?? noBackends, number) === undefined;
  }

  *#slots(): Generator<readonly Damage[]> {
    const { slots } = this.#maps;
    const seen = new Map<number, number>();
    for (const { count, keys, values } of slots.batches()) {
      const key = new DataView(keys.buffer, keys.byteOffset);
      const value = new DataView(values.buffer, values.byteOffset);
      const damage: Damage[] = [];
      for (let index = 0; index < count; index++) {
        const [set, slot] = [key.getUint32(index * 8, true), key.getUint32(index * 8 + 4, true)];
        const backend = this.#held.sets.get(set)?.members[slot];
        if (backend === value.getUint32(index * 4, true)) seen.set(set, (seen.get(set) ?? 0) + 1);
        else if (backend === undefined) {
          if (this.#retired.isSet(set)) continue;
          damage.push({ text: `slot ${slot} of set ${set} was strange`, mend: () => slots.delete({ set, slot }) });
        }
      }
      yield damage;
    }
    const damage: Damage[] = [];
    for (const [set, { members }] of this.#held.sets) {
      if (seen.get(set) === members.length) continue;
      const wanted = Array.from(members, (number, slot) => [{ set, slot }, number] as const);
      if (wanted.every(([key, number]) => slots.get(key) === number)) continue;
      damage.push({ text: `set ${set} was not whole`, mend: () => slots.setAll(wanted) });
    }
    yield damage;
  }

  *#tables(): Generator<readonly Damage[]> {
    const { maglev } = this.#maps;
    const seen = new Map<number, number>();
    const known = new Map<number, readonly number[]>();
    for (const { count, keys, values } of maglev.batches()) {
      const key = new DataView(keys.buffer, keys.byteOffset);
      const damage: Damage[] = [];
      for (let index = 0; index < count; index++) {
        const [set, slot] = [key.getUint32(index * 8, true), key.getUint32(index * 8 + 4, true)];
        if (this.#held.sets.get(set)?.maglev !== true) {
          if (this.#retired.isSet(set)) continue;
          damage.push({ text: `table of set ${set} was strange`, mend: () => maglev.delete({ set, slot }) });
          continue;
        }
        const sums = known.get(set) ?? this.#chunks.get(set) ?? this.#tableOf(set).map(([, chunk]) => sumOf(chunk));
        known.set(set, sums);
        const bytes = values.subarray(index * maglevFormat.valueSize, (index + 1) * maglevFormat.valueSize);
        if (sums[slot] === Bun.hash.crc32(bytes)) seen.set(set, (seen.get(set) ?? 0) + 1);
      }
      yield damage;
    }
    this.#chunks = known;
    // One that was made since this round began is not whole in what was seen of it; writing it again does no harm.
    yield [...this.#held.sets]
      .filter(([number, row]) => row.maglev && seen.get(number) !== maglevBuckets / maglevChunk)
      .map(([number]) => ({
        text: `table of set ${number} was not whole`,
        mend: () => maglev.setAll(this.#tableOf(number)),
      }));
  }

  #tableOf(set: number) {
    const row = this.#held.set(set);
    return row === undefined ? [] : chunksOf(row);
  }

  #ranges(): readonly Damage[] {
    const { sourceRanges } = this.#maps;
    const wanted = [...this.#held.groups].flatMap(([number, { ranges }]) =>
      ranges.map((block) => toRange({ group: number, block })),
    );
    const keyOf = ({ service, block }: (typeof wanted)[number]) => `${service} ${block}`;
    const have = new Map([...sourceRanges.entries()].map(([range]) => [keyOf(range), range]));
    const keys = new Set(wanted.map(keyOf));
    return [
      ...wanted
        .filter((range) => !have.has(keyOf(range)))
        .map((range) => ({ text: `range ${range.block} was missing`, mend: () => sourceRanges.set(range, 1) })),
      ...[...have]
        .filter(([key]) => !keys.has(key))
        .map(([, range]) => ({ text: `range ${range.block} was strange`, mend: () => sourceRanges.delete(range) })),
    ];
  }

  *#frontends(): Generator<readonly Damage[]> {
    const { frontends } = this.#maps;
    const { key: keyFormat, keySize, valueSize } = frontends.format;
    let seen = 0;
    for (const { count, keys, values } of frontends.batches()) {
      const key = new DataView(keys.buffer, keys.byteOffset);
      const value = new DataView(values.buffer, values.byteOffset);
      const damage: Damage[] = [];
      for (let index = 0; index < count; index++) {
        const name = frontendKeyAt(key, index * keySize);
        const row = this.#held.frontends.get(name);
        if (row === undefined) {
          const place = keyFormat.decode(new Reader(keys, index * keySize, (index + 1) * keySize));
          damage.push({ text: `frontend ${name} was strange`, mend: () => frontends.delete(place) });
          continue;
        }
        seen++;
        if (isFrontendAt(value, index * valueSize, row)) continue;
        damage.push({ text: `frontend ${name} had changed`, mend: () => frontends.set(...toFrontend(row)) });
      }
      yield damage;
    }
    if (seen === this.#held.frontends.size) return;
    const missing = [...this.#held.frontends.values()].filter((row) => frontends.get(toFrontend(row)[0]) === undefined);
    yield missing.map((row) => ({
      text: `frontend ${frontendKey(row)} was missing`,
      mend: () => frontends.set(...toFrontend(row)),
    }));
  }
}

function sumOf(chunk: readonly number[]): number {
  return Bun.hash.crc32(encode(maglevFormat.value, chunk));
}
