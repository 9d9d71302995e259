// Loads the native helper (native/twill_native.c), which is carried inside the executable.

import { dlopen } from "bun:ffi";
import { readFileSync, writeSync } from "node:fs";
import library from "../../dist/native/twill_native.so" with { type: "file" };
import { KernelError } from "./errno.ts";
import { Fd } from "./fd.ts";
import { cstring, errno, libc } from "./libc.ts";

const declarations = {
  twill_socket_in: { args: ["int", "int", "int", "int", "int"], returns: "int" },
  twill_open_in: { args: ["int", "int", "ptr", "int"], returns: "int" },
  twill_send_aside: { args: ["int", "ptr", "u64"], returns: "int" },
  twill_call_in: { args: ["int", "int", "ptr", "u32"], returns: "ptr" },
} as const;

type Native = ReturnType<typeof dlopen<typeof declarations>>["symbols"];
let loaded: Native | undefined;

/**
 * The helper's functions. Loaded at the first call, from a memory file: the engine would leave a copy in the temporary
 * folder, and a read-only node has none.
 */
export function native(): Native {
  loaded ??= load();
  return loaded;
}

function load(): Native {
  const closeOnExec = 1;
  const number = libc.memfd_create(cstring("twill_native"), closeOnExec);
  if (number < 0) throw new KernelError("Cannot create a memory file for the native helper", errno());
  using file = new Fd(number);
  const bytes = readFileSync(library);
  writeSync(file.number, bytes);
  return dlopen(`/proc/self/fd/${file.number}`, declarations).symbols;
}
