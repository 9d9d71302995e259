// Operations on the maps of eBPF, by descriptor and with keys and values as bytes.

import { Fd } from "./fd.ts";
import { checkedBpf, failedWith, libbpf } from "./libbpf.ts";
import { cstring } from "./libc.ts";

/** How an update treats what is there (linux/bpf.h). */
export const UpdateMode = { any: 0n, create: 1n, replace: 2n } as const;

/** @throws KernelError E2BIG when the map is full, EEXIST or ENOENT as the mode says */
export function updateElement(fd: number, key: Uint8Array, value: Uint8Array, mode = UpdateMode.any as bigint): void {
  checkedBpf(libbpf().bpf_map_update_elem(fd, key, value, mode), () => "Cannot write an element of a map");
}

/** Fills `value`; false when there is no such element. @throws KernelError */
export function lookUpElement(fd: number, key: Uint8Array, value: Uint8Array): boolean {
  const result = libbpf().bpf_map_lookup_elem(fd, key, value);
  if (failedWith(result, "ENOENT")) return false;
  checkedBpf(result, () => "Cannot read an element of a map");
  return true;
}

/** False when there was none. @throws KernelError */
export function deleteElement(fd: number, key: Uint8Array): boolean {
  const result = libbpf().bpf_map_delete_elem(fd, key);
  if (failedWith(result, "ENOENT")) return false;
  checkedBpf(result, () => "Cannot remove an element of a map");
  return true;
}

/** Fills `next` with the key after `key`, the first one for undefined; false at the end. @throws KernelError */
export function nextKey(fd: number, key: Uint8Array | undefined, next: Uint8Array): boolean {
  const result = libbpf().bpf_map_get_next_key(fd, key ?? null, next);
  if (failedWith(result, "ENOENT")) return false;
  checkedBpf(result, () => "Cannot list a map");
  return true;
}

/** Where a walk through a map goes on: at least 4 bytes, and as many as a key has. */
export type BatchPlace = Uint8Array<ArrayBuffer>;

/**
 * Fills `keys` and `values` with `most` elements, or fewer at the end, from `place` on (undefined: from the beginning), and `next` with
 * the place behind them. Elements that change meanwhile may be missing or come twice. `isLast`: the walk has ended. @throws KernelError
 */
export function lookUpBatch(
  fd: number,
  place: BatchPlace | undefined,
  next: BatchPlace,
  keys: Uint8Array,
  values: Uint8Array,
  most: number,
): { readonly count: number; readonly isLast: boolean } {
  const count = new Uint32Array(new ArrayBuffer(4)).fill(most);
  const result = libbpf().bpf_map_lookup_batch(fd, place ?? null, next, keys, values, count, null);
  const isLast = failedWith(result, "ENOENT");
  if (!isLast) checkedBpf(result, () => "Cannot list a map");
  return { count: count[0] ?? 0, isLast };
}

/** Writes elements, one behind the other, until one cannot be written. @throws KernelError E2BIG or ENOSPC when the map is full */
export function updateBatch(fd: number, keys: Uint8Array, values: Uint8Array, keySize: number): void {
  const count = new Uint32Array(new ArrayBuffer(4)).fill(keys.length / keySize);
  checkedBpf(libbpf().bpf_map_update_batch(fd, keys, values, count, null), () => "Cannot write elements of a map");
}

/** Removes elements, `keys` one behind the other; those that are gone already do no harm. @throws KernelError */
export function deleteBatch(fd: number, keys: Uint8Array, keySize: number): void {
  const count = new Uint32Array(new ArrayBuffer(4));
  for (let start = 0; start < keys.length; ) {
    count[0] = (keys.length - start) / keySize;
    const rest = keys.slice(start);
    const result = libbpf().bpf_map_delete_batch(fd, rest, count, null);
    // The kernel stops at the first key that is not there.
    const isGone = failedWith(result, "ENOENT");
    if (!isGone) checkedBpf(result, () => "Cannot remove elements of a map");
    start += ((count[0] ?? 0) + (isGone ? 1 : 0)) * keySize;
  }
}

/** BPF_MAP_TYPE_… of linux/bpf.h, as far as the agent names them. */
export const MapType = { hash: 1, array: 2, perCpuHash: 5, perCpuArray: 6, lruHash: 9, lpmTrie: 11 } as const;

/** What the kernel made a map as. */
export type MapInfo = {
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
};

/** @throws KernelError */
export function mapInfo(fd: number): MapInfo {
  // struct bpf_map_info: type, id, key_size, value_size, max_entries, map_flags, and more that newer kernels have.
  const info = new Uint32Array(new ArrayBuffer(24));
  const size = new Uint32Array(new ArrayBuffer(4)).fill(info.byteLength);
  checkedBpf(libbpf().bpf_obj_get_info_by_fd(fd, info, size), () => "Cannot ask the kernel about a map");
  const [type = 0, , keySize = 0, valueSize = 0, maxEntries = 0, flags = 0] = info;
  return { type, keySize, valueSize, maxEntries, flags };
}

/** A map of no program; `flags` 1 (BPF_F_NO_PREALLOC) for those that the kernel makes no other way. @throws KernelError */
export function createMap(name: string, { type, keySize, valueSize, maxEntries, flags }: MapInfo): Fd {
  // struct bpf_map_create_opts of libbpf 1.1: its size, four numbers of types, an inner map's descriptor, the flags.
  const options = new Uint8Array(new ArrayBuffer(48));
  const view = new DataView(options.buffer);
  view.setBigUint64(0, BigInt(options.length), true);
  view.setUint32(28, flags, true);
  const result = libbpf().bpf_map_create(type, cstring(name), keySize, valueSize, maxEntries, options);
  return new Fd(checkedBpf(result, () => `Cannot make map ${name}`));
}

/** Opens what is pinned. @throws KernelError ENOENT when nothing is */
export function openPinned(path: string): Fd {
  return new Fd(checkedBpf(libbpf().bpf_obj_get(cstring(path)), () => `Cannot open ${path}`));
}

/** How many values an element of a per-CPU map has. */
export function possibleCpus(): number {
  return checkedBpf(libbpf().libbpf_num_possible_cpus(), () => "Cannot count the processors");
}

/** Makes what a descriptor stands for last longer than the process, under a path on a bpf file system. @throws KernelError */
export function pin(fd: number, path: string): void {
  checkedBpf(libbpf().bpf_obj_pin(fd, cstring(path)), () => `Cannot pin ${path}`);
}
