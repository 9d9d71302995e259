// A map together with what it should hold: who writes it alone can tell in moments whether somebody else has, too.

import { encode, Reader } from "#codec/codec.ts";
import type { BpfMap } from "./map.ts";
import { partitions, Sums } from "./sums.ts";

/** One element that is not as it should be, in words, and how it gets so. */
export type Damage = { readonly text: string; readonly mend: () => void };

/** What a map should hold, in whatever form its owner has it. */
export type Content<K, V> = {
  readonly get: (key: K) => V | undefined;
  readonly set: (key: K, value: V) => void;
  readonly delete: (key: K) => void;
  readonly all: () => Iterable<readonly [K, V]>;
  /** What an element is, in words. */
  readonly format: (key: K) => string;
};

/** What is needed of a map. */
export type AnyMap<K, V> = Pick<BpfMap<K, V>, "format" | "set" | "delete" | "entries" | "batches">;

/** Elements that are decoded or looked up before others get a turn. */
const batchEntries = 4096;
const none: readonly Damage[] = [];

/** Everything is written through it. Elements must be of whole words. */
export class KeptMap<K, V> {
  readonly #map: AnyMap<K, V>;
  readonly #content: Content<K, V>;
  readonly #sums: Sums;
  /** Partitions that were written since a comparison began. */
  readonly #touched = new Uint8Array(partitions);

  /** Takes what the map holds for what it should hold. @throws KernelError */
  constructor(map: AnyMap<K, V>, content: Content<K, V>) {
    this.#map = map;
    this.#content = content;
    this.#sums = new Sums(map.format);
    for (const [key, value] of map.entries()) this.#note(key, value);
  }

  /** What the element should be. */
  get(key: K): V | undefined {
    return this.#content.get(key);
  }

  /** What all should be. */
  all(): Iterable<readonly [K, V]> {
    return this.#content.all();
  }

  /** @throws KernelError E2BIG when the map is full */
  set(key: K, value: V): void {
    this.#map.set(key, value);
    this.#note(key, value);
  }

  /** @throws KernelError */
  delete(key: K): void {
    this.#map.delete(key);
    this.#forget(key);
    this.#content.delete(key);
  }

  /** Compares once, a few thousand elements at a time. Nothing is mended before its damage is looked after. @throws KernelError */
  *compare(): Generator<readonly Damage[]> {
    this.#touched.fill(0);
    const seen = new Sums(this.#map.format);
    for (const { count, keys, values } of this.#map.batches()) {
      seen.addAll(keys, values, count);
      yield none;
    }
    const suspects = new Set([...this.#sums.differing(seen)].filter((partition) => this.#touched[partition] === 0));
    if (suspects.size === 0) return;
    const there = new Set<string>();
    yield* this.#wrong(suspects, there);
    yield* this.#missing(suspects, there);
  }

  /** Notes in `there` which keys are. */
  *#wrong(suspects: ReadonlySet<number>, there: Set<string>): Generator<readonly Damage[]> {
    const { key: keyFormat, value: valueFormat, keySize, valueSize } = this.#map.format;
    for (const { count, keys, values } of this.#map.batches()) {
      const damage: Damage[] = [];
      for (let index = 0; index < count; index++) {
        if (!suspects.has(this.#sums.partitionOf(keys, index))) continue;
        const key = keyFormat.decode(new Reader(keys, index * keySize, (index + 1) * keySize));
        there.add(textOf(keys.subarray(index * keySize, (index + 1) * keySize)));
        const bytes = values.subarray(index * valueSize, (index + 1) * valueSize);
        const wanted = this.#content.get(key);
        const text = this.#content.format(key);
        if (wanted === undefined) damage.push({ text: `${text} was strange`, mend: () => this.#map.delete(key) });
        else if (!Buffer.from(encode(valueFormat, wanted)).equals(bytes))
          damage.push({ text: `${text} had changed`, mend: () => this.#map.set(key, wanted) });
      }
      yield damage;
    }
  }

  /** To look a key up would not do: of a block a shorter one might answer. */
  *#missing(suspects: ReadonlySet<number>, there: ReadonlySet<string>): Generator<readonly Damage[]> {
    let asked = 0;
    let damage: Damage[] = [];
    for (const [key, value] of this.#content.all()) {
      if (++asked % batchEntries === 0) {
        yield damage;
        damage = [];
      }
      const bytes = encode(this.#map.format.key, key);
      const partition = this.#sums.partitionOf(bytes);
      if (!suspects.has(partition) || this.#touched[partition] !== 0 || there.has(textOf(bytes))) continue;
      const text = `${this.#content.format(key)} was missing`;
      damage.push({ text, mend: () => this.#map.set(key, value) });
    }
    yield damage;
  }

  #note(key: K, value: V): void {
    this.#forget(key);
    this.#add(key, value, 1);
    this.#content.set(key, value);
  }

  #forget(key: K): void {
    const before = this.#content.get(key);
    if (before !== undefined) this.#add(key, before, -1);
  }

  #add(key: K, value: V, sign: 1 | -1): void {
    const { key: keyFormat, value: valueFormat } = this.#map.format;
    this.#touched[this.#sums.add(encode(keyFormat, key), encode(valueFormat, value), sign)] = 1;
  }
}

/** Content that is a map in memory. */
export function keptIn<K, V>(map: Map<K, V>, format: (key: K) => string): Content<K, V> {
  return {
    get: (key) => map.get(key),
    set: (key, value) => map.set(key, value),
    delete: (key) => map.delete(key),
    all: () => map,
    format,
  };
}

function textOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("latin1");
}
