// Checksums of many elements, kept while elements come and go: equal sums of two maps mean equal maps.

/** Elements are spread over so many sums by their keys: one that differs says where to look. */
export const partitions = 1024;
const partitionShift = 22;
const wordBytes = 4;

/** Sums of elements whose keys and values are whole words, in any order. */
export class Sums {
  readonly #keyWords: number;
  readonly #valueWords: number;
  readonly #sums = new Int32Array(partitions);

  constructor({ keySize, valueSize }: { readonly keySize: number; readonly valueSize: number }) {
    if ((keySize | valueSize) % wordBytes !== 0)
      throw new RangeError(`Cannot sum elements of ${keySize} and ${valueSize} bytes: they are no whole words`);
    this.#keyWords = keySize / wordBytes;
    this.#valueWords = valueSize / wordBytes;
  }

  /** Adds one element, or with `sign` -1 takes it away; returns its partition. */
  add(key: Uint8Array, value: Uint8Array, sign: 1 | -1): number {
    return this.#add(wordsOf(key), wordsOf(value), 0, sign);
  }

  /** Adds `count` elements that stand one behind the other. */
  addAll(keys: Uint8Array, values: Uint8Array, count: number): void {
    const [keyWords, valueWords] = [wordsOf(keys), wordsOf(values)];
    for (let index = 0; index < count; index++) this.#add(keyWords, valueWords, index, 1);
  }

  /** The partition of an element of several. */
  partitionOf(keys: Uint8Array, index = 0): number {
    return this.#hashKey(wordsOf(keys), index) >>> partitionShift;
  }

  /** Partitions of which the sums are not the same. */
  *differing(other: Sums): Generator<number> {
    for (let partition = 0; partition < partitions; partition++) {
      if (this.#sums[partition] !== other.#sums[partition]) yield partition;
    }
  }

  #add(keys: Uint32Array, values: Uint32Array, index: number, sign: 1 | -1): number {
    let hash = this.#hashKey(keys, index);
    const partition = hash >>> partitionShift;
    for (let word = index * this.#valueWords; word < (index + 1) * this.#valueWords; word++)
      hash = mix(hash, values[word] ?? 0);
    this.#sums[partition] = (this.#sums[partition] ?? 0) + sign * hash;
    return partition;
  }

  #hashKey(keys: Uint32Array, index: number): number {
    let hash = 1;
    for (let word = index * this.#keyWords; word < (index + 1) * this.#keyWords; word++)
      hash = mix(hash, keys[word] ?? 0);
    return hash;
  }
}

/** The last round of MurmurHash3 for each word: every bit depends on every bit before. */
function mix(hash: number, word: number): number {
  let mixed = Math.imul(hash ^ word, 0x9e3779b1);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

function wordsOf({ buffer, byteOffset, byteLength }: Uint8Array): Uint32Array {
  return new Uint32Array(buffer, byteOffset, byteLength / wordBytes);
}
