// Many backends in little memory: the map's own elements one behind the other, in the order of their numbers.

import { Reader, Writer } from "#codec/codec.ts";
import { backendsFormat } from "#datapath/service-format.ts";
import { type BackendRow, toBackend } from "./row.ts";

const { key: keyFormat, value: valueFormat, keySize, valueSize } = backendsFormat;
const rowSize = keySize + valueSize;

/** Elements of the map of backends. Never used as a buffer for anything else: that would cost as much again. */
export type PackedBackends = Uint8Array;

export const noBackends: PackedBackends = new Uint8Array(0);

/** In the order of their numbers, whatever that of `rows`. */
export function packBackends(rows: Iterable<BackendRow>): PackedBackends {
  const writer = new Writer();
  for (const row of [...rows].sort((a, b) => a.number - b.number)) {
    const [number, value] = toBackend(row);
    keyFormat.encode(writer, number);
    valueFormat.encode(writer, value);
  }
  return writer.finish();
}

/** In the order of their numbers. */
export function unpackBackends(packed: PackedBackends): readonly BackendRow[] {
  if (packed.length === 0) return [];
  const reader = new Reader(packed.slice());
  return Array.from({ length: countBackends(packed) }, () => {
    const number = keyFormat.decode(reader);
    const { address, port, service } = valueFormat.decode(reader);
    return { number, group: service, address, port };
  });
}

/** How many there are, without unpacking. */
export function countBackends(packed: PackedBackends): number {
  return packed.length / rowSize;
}

/** Where the row of a number begins, in bytes; undefined: it has none. */
export function findBackend(packed: PackedBackends, number: number): number | undefined {
  let [low, high] = [0, countBackends(packed)];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (readUint32(packed, middle * rowSize) < number) low = middle + 1;
    else high = middle;
  }
  const start = low * rowSize;
  return start < packed.length && readUint32(packed, start) === number ? start : undefined;
}

/** Whether the row that begins at `start` has the map's value that begins at `at` of `values`. */
export function holdsValue(packed: PackedBackends, start: number, values: Uint8Array, at: number): boolean {
  for (let index = 0; index < valueSize; index++) {
    if (packed[start + keySize + index] !== values[at + index]) return false;
  }
  return true;
}

/** The group that a value of the map says; `at` is where the value begins. */
export function groupOfValue(values: Uint8Array, at: number): number {
  return readUint32(values, at + valueSize - 4);
}

function readUint32(bytes: Uint8Array, at: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
  return (a | (b << 8) | (c << 16) | (d << 24)) >>> 0;
}
