// Taking a mount away.

import { errnoName, KernelError } from "./errno.ts";
import { errno, libc } from "./libc.ts";

/** umount2(2): not seen any more at once, gone when nobody uses it any more. */
const detach = 2;

/** Unmounts what is on top at `path`; does nothing when nothing is mounted there. @throws KernelError */
export function unmount(path: string): void {
  if (libc.umount2(Buffer.from(`${path}\0`), detach) === 0) return;
  const number = errno();
  if (!["ENOENT", "EINVAL"].includes(errnoName(number))) throw new KernelError(`Cannot unmount ${path}`, number);
}
