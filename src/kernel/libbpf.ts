// The library libbpf: objects, maps, programs and pins, as thin as they come; src/bpf gives them types.

import { CString, dlopen, type Pointer } from "bun:ffi";
import { Errno, errnoName, KernelError } from "./errno.ts";
import { errno } from "./libc.ts";

const soname = "libbpf.so.1";

const declarations = {
  bpf_object__open_mem: { args: ["ptr", "u64", "ptr"], returns: "ptr" },
  bpf_object__load: { args: ["ptr"], returns: "int" },
  bpf_object__close: { args: ["ptr"], returns: "void" },
  bpf_object__find_map_by_name: { args: ["ptr", "ptr"], returns: "ptr" },
  bpf_object__find_program_by_name: { args: ["ptr", "ptr"], returns: "ptr" },
  bpf_object__next_map: { args: ["ptr", "ptr"], returns: "ptr" },
  bpf_map__name: { args: ["ptr"], returns: "ptr" },
  bpf_map__fd: { args: ["ptr"], returns: "int" },
  bpf_map__set_max_entries: { args: ["ptr", "u32"], returns: "int" },
  bpf_map__set_pin_path: { args: ["ptr", "ptr"], returns: "int" },
  bpf_map__key_size: { args: ["ptr"], returns: "u32" },
  bpf_map__value_size: { args: ["ptr"], returns: "u32" },
  bpf_map__type: { args: ["ptr"], returns: "u32" },
  bpf_map__max_entries: { args: ["ptr"], returns: "u32" },
  bpf_map__map_flags: { args: ["ptr"], returns: "u32" },
  bpf_program__fd: { args: ["ptr"], returns: "int" },
  bpf_map_update_elem: { args: ["int", "ptr", "ptr", "u64"], returns: "int" },
  bpf_map_lookup_elem: { args: ["int", "ptr", "ptr"], returns: "int" },
  bpf_map_delete_elem: { args: ["int", "ptr"], returns: "int" },
  bpf_map_get_next_key: { args: ["int", "ptr", "ptr"], returns: "int" },
  bpf_map_lookup_batch: { args: ["int", "ptr", "ptr", "ptr", "ptr", "ptr", "ptr"], returns: "int" },
  bpf_map_update_batch: { args: ["int", "ptr", "ptr", "ptr", "ptr"], returns: "int" },
  bpf_map_delete_batch: { args: ["int", "ptr", "ptr", "ptr"], returns: "int" },
  bpf_map_create: { args: ["u32", "ptr", "u32", "u32", "u32", "ptr"], returns: "int" },
  bpf_obj_get_info_by_fd: { args: ["int", "ptr", "ptr"], returns: "int" },
  bpf_link_create: { args: ["int", "int", "int", "ptr"], returns: "int" },
  bpf_link_update: { args: ["int", "int", "ptr"], returns: "int" },
  bpf_obj_get: { args: ["ptr"], returns: "int" },
  bpf_obj_pin: { args: ["int", "ptr"], returns: "int" },
  bpf_prog_test_run_opts: { args: ["int", "ptr"], returns: "int" },
  libbpf_num_possible_cpus: { args: [], returns: "int" },
  libbpf_set_print: { args: ["ptr"], returns: "ptr" },
} as const;

export type Libbpf = ReturnType<typeof dlopen<typeof declarations>>["symbols"];

let loaded: Libbpf | undefined;

/** The library's functions, loaded at the first call. @throws KernelError ENOENT when it is missing */
export function libbpf(): Libbpf {
  loaded ??= load();
  return loaded;
}

function load(): Libbpf {
  try {
    const { symbols } = dlopen(soname, declarations);
    // What it would print goes nowhere: errors are told by the calls that fail.
    symbols.libbpf_set_print(null);
    return symbols;
  } catch (cause) {
    const error = new KernelError(
      "Cannot use eBPF",
      Errno.ENOENT,
      `${soname} is missing: install the Debian package libbpf1`,
    );
    error.cause = cause;
    throw error;
  }
}

/** The result of a call that answers a negative error number, or -1 with errno set. @throws KernelError */
export function checkedBpf(result: number, action: () => string): number {
  if (result >= 0) return result;
  throw new KernelError(action(), result === -1 ? errno() : -result);
}

/** Whether a call failed for just this reason. */
export function failedWith(result: number, name: string): boolean {
  return result < 0 && errnoName(result === -1 ? errno() : -result) === name;
}

/** The text at an address that the library owns. */
export function textAt(pointer: Pointer): string {
  return new CString(pointer).toString();
}
