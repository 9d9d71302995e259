// Single operations on the maps of eBPF, by descriptor and with keys and values as bytes.

import { checkedBpf, cstring, failedWith, libbpf } from "./libbpf.ts";

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

/** How many values an element of a per-CPU map has. */
export function possibleCpus(): number {
  return checkedBpf(libbpf().libbpf_num_possible_cpus(), () => "Cannot count the processors");
}

/** Makes what a descriptor stands for last longer than the process, under a path on a bpf file system. @throws KernelError */
export function pin(fd: number, path: string): void {
  checkedBpf(libbpf().bpf_obj_pin(fd, cstring(path)), () => `Cannot pin ${path}`);
}
