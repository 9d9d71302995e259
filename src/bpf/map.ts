// Maps with types: keys and values as plain data, bytes only inside.

import { type Codec, Reader, Writer } from "#codec/codec.ts";
import {
  deleteBatch,
  deleteElement,
  lookUpBatch,
  lookUpElement,
  mapInfo,
  possibleCpus,
  updateBatch,
  updateElement,
} from "#kernel/bpf-map.ts";

/** The shape of one map, as its header under bpf/ says it. */
export type MapFormat<K, V> = {
  readonly name: string;
  readonly key: Codec<K>;
  readonly value: Codec<V>;
  readonly keySize: number;
  readonly valueSize: number;
};

/** Some elements of a map as bytes, one behind the other; they hold until the next batch is read. */
export type Batch = { readonly count: number; readonly keys: Uint8Array; readonly values: Uint8Array };

/** The kernel copies so many elements with one call. */
const batchEntries = 4096;
/** Hash maps remember a place as a number, others as a key. */
const placeBytes = 4;

/** Says what a map holds; the types follow from the codecs. */
export function mapFormat<K, V>(format: MapFormat<K, V>): MapFormat<K, V> {
  return format;
}

/** Operations on one map; the descriptor belongs to whoever opened it. */
export class BpfMap<K, V> {
  readonly format: MapFormat<K, V>;
  readonly #fd: number;

  constructor(format: MapFormat<K, V>, fd: number) {
    this.format = format;
    this.#fd = fd;
  }

  /** Writes an element, whether it is there or not. @throws KernelError E2BIG when the map is full */
  set(key: K, value: V): void {
    updateElement(this.#fd, this.#keyBytes(key), encodeWhole(this.format.value, value, this.format.valueSize));
  }

  /** Writes elements with few calls, until one cannot be written. @throws KernelError E2BIG or ENOSPC when the map is full */
  setAll(elements: Iterable<readonly [K, V]>): void {
    let [keys, values] = [new Writer(), new Writer()];
    const flush = () => {
      if (keys.length > 0) updateBatch(this.#fd, keys.finish(), values.finish(), this.format.keySize);
      [keys, values] = [new Writer(), new Writer()];
    };
    for (const [key, value] of elements) {
      this.format.key.encode(keys, key);
      this.format.value.encode(values, value);
      if (keys.length >= batchEntries * this.format.keySize) flush();
    }
    flush();
  }

  /** Removes elements with few calls, whether they are there or not. */
  deleteAll(keys: Iterable<K>): void {
    const writer = new Writer();
    for (const key of keys) this.format.key.encode(writer, key);
    this.deleteBytes(writer.finish());
  }

  get(key: K): V | undefined {
    const bytes = new Uint8Array(new ArrayBuffer(this.format.valueSize));
    return lookUpElement(this.#fd, this.#keyBytes(key), bytes)
      ? this.format.value.decode(new Reader(bytes))
      : undefined;
  }

  /** False when there was none. */
  delete(key: K): boolean {
    return deleteElement(this.#fd, this.#keyBytes(key));
  }

  /** All elements; those that change meanwhile may be missing or come twice. Not for per-CPU maps. */
  *entries(): Generator<readonly [K, V]> {
    const { key, value, keySize, valueSize } = this.format;
    for (const { count, keys, values } of this.batches()) {
      for (let index = 0; index < count; index++) {
        yield [
          key.decode(new Reader(keys, index * keySize, (index + 1) * keySize)),
          value.decode(new Reader(values, index * valueSize, (index + 1) * valueSize)),
        ];
      }
    }
  }

  /** How many elements it can hold. */
  get maxEntries(): number {
    return mapInfo(this.#fd).maxEntries;
  }

  /** All elements as bytes, in few calls: for maps of which nobody wants to decode everything. Not for per-CPU maps. */
  *batches(): Generator<Batch> {
    const { keySize, valueSize } = this.format;
    const [keys, values] = [keySize, valueSize].map((size) => new Uint8Array(new ArrayBuffer(size * batchEntries)));
    if (keys === undefined || values === undefined) return;
    let place: Uint8Array<ArrayBuffer> | undefined;
    for (;;) {
      const next = new Uint8Array(new ArrayBuffer(Math.max(keySize, placeBytes)));
      const { count, isLast } = lookUpBatch(this.#fd, place, next, keys, values, batchEntries);
      if (count > 0) yield { count, keys, values };
      if (isLast) return;
      place = next;
    }
  }

  /** Removes elements whose keys are given as bytes, one behind the other. */
  deleteBytes(keys: Uint8Array): void {
    if (keys.length > 0) deleteBatch(this.#fd, keys, this.format.keySize);
  }

  #keyBytes(key: K): Uint8Array {
    return encodeWhole(this.format.key, key, this.format.keySize);
  }
}

/** An element of a per-CPU map: one value per processor. */
export function readPerCpu<K, V>({ key, value, keySize, valueSize }: MapFormat<K, V>, fd: number, at: K): readonly V[] {
  // Values of per-CPU maps are padded to 8 bytes each.
  const size = Math.ceil(valueSize / 8) * 8;
  const bytes = new Uint8Array(new ArrayBuffer(size * possibleCpus()));
  if (!lookUpElement(fd, encodeWhole(key, at, keySize), bytes)) return [];
  return Array.from({ length: bytes.length / size }, (_, cpu) =>
    value.decode(new Reader(bytes.slice(cpu * size, cpu * size + valueSize))),
  );
}

function encodeWhole<T>(codec: Codec<T>, value: T, size: number): Uint8Array {
  const writer = new Writer();
  codec.encode(writer, value);
  if (writer.length !== size) throw new RangeError(`A key or value of ${writer.length} bytes is not the map's ${size}`);
  const bytes = new Uint8Array(new ArrayBuffer(size));
  bytes.set(writer.finish());
  return bytes;
}
