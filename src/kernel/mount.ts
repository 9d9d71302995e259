// Mounting a file system, and taking a mount away.

import { errnoName, KernelError } from "./errno.ts";
import { cstring, errno, libc } from "./libc.ts";

/** umount2(2): not seen any more at once, gone when nobody uses it any more. */
const detach = 2;

/** Unmounts what is on top at `path`; does nothing when nothing is mounted there. @throws KernelError */
export function unmount(path: string): void {
  if (libc.umount2(cstring(path), detach) === 0) return;
  const number = errno();
  if (!["ENOENT", "EINVAL"].includes(errnoName(number))) throw new KernelError(`Cannot unmount ${path}`, number);
}

/** Mounts a file system that has no device, such as `bpf`, on a folder that is there. @throws KernelError */
export function mountFileSystem(type: string, path: string): void {
  const name = cstring(type);
  if (libc.mount(name, cstring(path), name, 0n, null) === 0) return;
  throw new KernelError(`Cannot mount a file system of type ${type} on ${path}`, errno());
}
