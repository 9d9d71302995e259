// Locks on files between processes (flock(2)), taken without stopping the event loop.

import { constants, openSync } from "node:fs";
import { Errno, errnoName, KernelError } from "./errno.ts";
import { Fd } from "./fd.ts";
import { errno, libc } from "./libc.ts";

const exclusive = 2; // LOCK_EX
const nonBlocking = 4; // LOCK_NB

const firstPauseMs = 1;
const longestPauseMs = 16;
const defaultPatienceMs = 10_000;

export type LockOptions = {
  readonly sleep: (ms: number) => Promise<void>;
  /** How long to wait for another holder; 10 s unless given. */
  readonly patienceMs?: number;
};

/**
 * Takes the exclusive lock of the file at `path`, which is made when absent (mode 0750, as the reference plugins do).
 * The lock belongs to this one opening: a second call in the same process waits too, and a dead process holds nothing.
 *
 *     using lock = await lockFile(`${folder}/lock`, { sleep: host.sleep });
 *
 * @throws KernelError EAGAIN when another process holds it for longer than the patience; what node:fs throws when it cannot be opened.
 */
export async function lockFile(
  path: string,
  { sleep, patienceMs = defaultPatienceMs }: LockOptions,
): Promise<Disposable> {
  // flock(2) needs no right to write; one to read is enough.
  const fd = new Fd(openSync(path, constants.O_RDONLY | constants.O_CREAT, 0o750));
  try {
    let waitedMs = 0;
    for (let pauseMs = firstPauseMs; !tryLock(fd, path); pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      if (waitedMs >= patienceMs) {
        const advice = "another process holds it; /proc/locks tells which";
        throw new KernelError(`Cannot lock ${path} within ${patienceMs} ms`, Errno.EAGAIN, advice);
      }
      await sleep(pauseMs);
      waitedMs += pauseMs;
    }
    return fd;
  } catch (error) {
    fd[Symbol.dispose]();
    throw error;
  }
}

function tryLock(fd: Fd, path: string): boolean {
  if (libc.flock(fd.number, exclusive | nonBlocking) === 0) return true;
  const code = errno();
  // EINTR: a signal came first; the next try asks again.
  if (errnoName(code) === "EAGAIN" || errnoName(code) === "EINTR") return false;
  throw new KernelError(`Cannot lock ${path}`, code);
}
