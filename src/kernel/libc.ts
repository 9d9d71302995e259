// The C library's functions that Bun has no call of its own for.

import { dlopen, read } from "bun:ffi";
import { KernelError } from "./errno.ts";

// Typed arrays go to "ptr" arguments as they are: an address taken beforehand may go stale when the engine moves a small
// array's storage.
const { symbols } = dlopen("libc.so.6", {
  __errno_location: { args: [], returns: "ptr" },
  socket: { args: ["int", "int", "int"], returns: "int" },
  bind: { args: ["int", "ptr", "int"], returns: "int" },
  send: { args: ["int", "ptr", "u64", "int"], returns: "i64" },
  recv: { args: ["int", "ptr", "u64", "int"], returns: "i64" },
  sendto: { args: ["int", "ptr", "u64", "int", "ptr", "u32"], returns: "i64" },
  recvfrom: { args: ["int", "ptr", "u64", "int", "ptr", "ptr"], returns: "i64" },
  setsockopt: { args: ["int", "int", "int", "ptr", "int"], returns: "int" },
  ioctl: { args: ["int", "u64", "ptr"], returns: "int" },
  getsockopt: { args: ["int", "int", "int", "ptr", "ptr"], returns: "int" },
  statx: { args: ["int", "ptr", "int", "u32", "ptr"], returns: "int" },
  fcntl: { args: ["int", "int", "int"], returns: "int" },
  setns: { args: ["int", "int"], returns: "int" },
  memfd_create: { args: ["ptr", "u32"], returns: "int" },
  flock: { args: ["int", "int"], returns: "int" },
  mount: { args: ["ptr", "ptr", "ptr", "u64", "ptr"], returns: "int" },
  umount2: { args: ["ptr", "int"], returns: "int" },
  clock_gettime: { args: ["int", "ptr"], returns: "int" },
});

export const libc = symbols;

/** Text for a call. The array must be kept until the call has returned: pass it on directly. */
export function cstring(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`);
}

/** The calling thread's error number; read it directly after the call that failed. */
export function errno(): number {
  const location = symbols.__errno_location();
  return location === null ? 0 : read.i32(location, 0);
}

/**
 * The result of a call that answers -1 on failure, as a number.
 * @throws KernelError naming the action.
 */
export function checked(result: number | bigint, action: () => string): number {
  const value = Number(result);
  if (value < 0) throw new KernelError(action(), errno());
  return value;
}
