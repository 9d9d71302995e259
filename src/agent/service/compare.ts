// Compares the maps of services with what they should hold, a batch at a time: for whoever has little time in between.

import { encode, Reader } from "#codec/codec.ts";
import { maglevBuckets, maglevChunk, maglevFormat } from "#datapath/service-format.ts";
import { chunksOf, slotsOf, toBackend, toFrontend, toRange } from "./apply.ts";
import type { ServiceMaps } from "./have.ts";
import type { Held } from "./held.ts";
import { type BackendRow, backendKey, frontendKey, type SetRow } from "./row.ts";

/** One element that is not as it should be, and how it gets so. */
export type Damage = { readonly text: string; readonly mend: () => void };

/** What is on its way out: neither wanted nor strange. */
export type Retired = {
  readonly isSet: (number: number) => boolean;
  readonly isBackend: (number: number) => boolean;
};

export class Comparison {
  readonly #maps: ServiceMaps;
  readonly #held: Held;
  readonly #retired: Retired;
  /** Checksums of backends that were found right: a number never gets another content. */
  #right = new Map<number, number>();
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
    const seen = new Set<number>();
    const right = new Map<number, number>();
    for (const { count, keys, values } of backends.batches()) {
      const key = new DataView(keys.buffer, keys.byteOffset);
      const damage: Damage[] = [];
      for (let index = 0; index < count; index++) {
        const number = key.getUint32(index * 4, true);
        const bytes = values.subarray(index * backends.format.valueSize, (index + 1) * backends.format.valueSize);
        const row = this.#held.backends.get(number);
        const sum = Bun.hash.crc32(bytes);
        seen.add(number);
        if (row === undefined) {
          if (this.#retired.isBackend(number)) continue;
          damage.push({ text: `backend ${number} was strange`, mend: () => backends.delete(number) });
        } else if (this.#right.get(number) === sum || isRight(row, bytes, backends)) right.set(number, sum);
        else damage.push({ text: `backend ${number} had changed`, mend: () => backends.set(...toBackend(row)) });
      }
      yield damage;
    }
    this.#right = right;
    const missing = absent(this.#held.backends, seen, (number) => backends.get(number) === undefined);
    yield missing.map((row) => ({
      text: `backend ${row.number} (${backendKey(row)}) was missing`,
      mend: () => backends.set(...toBackend(row)),
    }));
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
        const backend = this.#held.sets.get(set)?.backends[slot];
        if (backend?.number === value.getUint32(index * 4, true)) seen.set(set, (seen.get(set) ?? 0) + 1);
        else if (backend === undefined) {
          if (this.#retired.isSet(set)) continue;
          damage.push({ text: `slot ${slot} of set ${set} was strange`, mend: () => slots.delete({ set, slot }) });
        }
      }
      yield damage;
    }
    const isWhole = (row: SetRow) => slotsOf(row).every(([key, number]) => slots.get(key) === number);
    const missing = absent(
      this.#held.sets,
      whole(seen, this.#held, ({ backends }) => backends.length),
      (_, row) => !isWhole(row),
    );
    yield missing.map((row) => ({ text: `set ${row.number} was not whole`, mend: () => slots.setAll(slotsOf(row)) }));
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
        const row = this.#held.sets.get(set);
        if (row?.maglev !== true) {
          if (this.#retired.isSet(set)) continue;
          damage.push({ text: `table of set ${set} was strange`, mend: () => maglev.delete({ set, slot }) });
          continue;
        }
        const sums = known.get(set) ?? this.#chunks.get(set) ?? chunksOf(row).map(([, chunk]) => sumOf(chunk));
        known.set(set, sums);
        const bytes = values.subarray(index * maglevFormat.valueSize, (index + 1) * maglevFormat.valueSize);
        if (sums[slot] === Bun.hash.crc32(bytes)) seen.set(set, (seen.get(set) ?? 0) + 1);
      }
      yield damage;
    }
    this.#chunks = known;
    const tables = new Map([...this.#held.sets].filter(([, row]) => row.maglev));
    const right = whole(seen, this.#held, () => maglevBuckets / maglevChunk);
    // One that was made since this round began is not whole in what was seen of it; writing it again does no harm.
    yield [...tables]
      .filter(([number]) => !right.has(number))
      .map(([number, row]) => ({
        text: `table of set ${number} was not whole`,
        mend: () => maglev.setAll(chunksOf(row)),
      }));
  }

  #ranges(): readonly Damage[] {
    const { sourceRanges } = this.#maps;
    const wanted = [...this.#held.groups.values()].flatMap(({ number, ranges }) =>
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
    const { key: keyFormat, keySize, valueSize, value: valueFormat } = frontends.format;
    const seen = new Set<string>();
    for (const { count, keys, values } of frontends.batches()) {
      const damage: Damage[] = [];
      for (let index = 0; index < count; index++) {
        const place = keyFormat.decode(new Reader(keys, index * keySize, (index + 1) * keySize));
        const key = frontendKey(place);
        const row = this.#held.frontends.get(key);
        seen.add(key);
        if (row === undefined) {
          damage.push({ text: `frontend ${key} was strange`, mend: () => frontends.delete(place) });
          continue;
        }
        const bytes = values.subarray(index * valueSize, (index + 1) * valueSize);
        const [, value] = toFrontend(row);
        if (!Buffer.from(encode(valueFormat, value)).equals(bytes))
          damage.push({ text: `frontend ${key} had changed`, mend: () => frontends.set(...toFrontend(row)) });
      }
      yield damage;
    }
    const missing = absent(this.#held.frontends, seen, (_, row) => frontends.get(toFrontend(row)[0]) === undefined);
    yield missing.map((row) => ({
      text: `frontend ${frontendKey(row)} was missing`,
      mend: () => frontends.set(...toFrontend(row)),
    }));
  }
}

function isRight(row: BackendRow, bytes: Uint8Array, { format }: ServiceMaps["backends"]): boolean {
  return Buffer.from(encode(format.value, toBackend(row)[1])).equals(bytes);
}

/** Rows that were not seen and are not there: what was made meanwhile is. */
function absent<K, R>(
  rows: ReadonlyMap<K, R>,
  seen: ReadonlySet<K>,
  isGone: (key: K, row: R) => boolean,
): readonly R[] {
  const missing: R[] = [];
  for (const [key, row] of rows) if (!seen.has(key) && isGone(key, row)) missing.push(row);
  return missing;
}

/** Sets of which as many elements were seen as there should be. */
function whole(seen: ReadonlyMap<number, number>, held: Held, size: (row: SetRow) => number): ReadonlySet<number> {
  const all = [...seen].filter(([number, count]) => {
    const row = held.sets.get(number);
    return row !== undefined && size(row) === count;
  });
  return new Set(all.map(([number]) => number));
}

function sumOf(chunk: readonly number[]): number {
  return Bun.hash.crc32(encode(maglevFormat.value, chunk));
}
