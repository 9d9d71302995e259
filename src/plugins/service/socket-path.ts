// The place in the file system where a service is found: one service at a time, and always a socket that is ready.

import { chmodSync, lstatSync, mkdirSync, openSync, renameSync, rmSync, type Stats } from "node:fs";
import { dirname, isAbsolute } from "node:path";
import { messageOf } from "#base/error-message.ts";
import { errnoName, isErrno } from "#kernel/errno.ts";
import { Fd } from "#kernel/fd.ts";
import { errno, libc } from "#kernel/libc.ts";

/** sun_path holds 107 bytes and a NUL (unix(7)); a new socket is made at `PATH.new/s` first. */
const maxPathBytes = 107 - ".new/s".length;

/** A socket that cannot be served on. */
export class SocketPathError extends Error {
  readonly code = "SOCKET_PATH";
  readonly path: string;
  readonly reason: "in-use" | "invalid" | "inaccessible";

  constructor(path: string, reason: SocketPathError["reason"], problem: string, cause?: unknown) {
    super(`Cannot serve on ${path}: ${problem}`, { cause });
    this.path = path;
    this.reason = reason;
  }
}

/** What the engine listens on: a path for a new socket, or a descriptor of one that is there. */
export type ListenAt = { readonly unix: string } | { readonly fd: number };

/** What a service needs to know of the place where it is found. */
export type ServicePlace = Pick<SocketPath, "path" | "publish" | "inspect" | "retract" | typeof Symbol.dispose>;

/**
 * The right to serve on a path, held by a lock on `PATH.lock` for as long as the process lives: the kernel drops it however the
 * process ends, so whoever gets it knows that a socket left at the path is dead.
 */
export class SocketPath implements Disposable {
  readonly path: string;
  readonly #lock: Fd;
  #inode: bigint | undefined;

  constructor(path: string, lock: Fd) {
    this.path = path;
    this.#lock = lock;
  }

  /**
   * Puts the socket that `listen` makes in place. It is made in a private folder, restricted, and then renamed, so that nobody
   * ever finds a socket with other rights, or none where a dead one was.
   */
  publish<Listener>(listen: (at: ListenAt) => Listener): Listener {
    const folder = `${this.path}.new`;
    const fresh = `${folder}/s`;
    try {
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder, { mode: 0o700 });
      const listener = listen({ unix: fresh });
      chmodSync(fresh, 0o600);
      const { ino } = lstatSync(fresh, { bigint: true });
      renameSync(fresh, this.path);
      this.#inode = ino;
      return listener;
    } catch (cause) {
      throw new SocketPathError(this.path, "inaccessible", messageOf(cause), cause);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  /** What is at the path now: the socket put there, nothing, or what somebody else put there. */
  inspect(): "ours" | "nothing" | "foreign" {
    const found = lstatSync(this.path, { bigint: true, throwIfNoEntry: false });
    if (found === undefined) return "nothing";
    return found.ino === this.#inode ? "ours" : "foreign";
  }

  /** Removes the socket, unless somebody else's is there by now. Calls made from now on find no service. */
  retract(): void {
    if (this.inspect() === "ours") rmSync(this.path, { force: true });
  }

  /** Gives the path up. */
  [Symbol.dispose](): void {
    this.retract();
    this.#lock[Symbol.dispose]();
  }
}

/**
 * Claims `path`, making its folder when that is missing.
 * @throws SocketPathError when another service lives there, or something that is not a socket, or the path is too long.
 */
export async function claimSocketPath(path: string): Promise<SocketPath> {
  if (!isAbsolute(path)) throw new SocketPathError(path, "invalid", "the path must be absolute");
  if (Buffer.byteLength(path) > maxPathBytes) {
    throw new SocketPathError(path, "invalid", `the path has more than ${maxPathBytes} bytes`);
  }
  const lock = lockFor(path);
  try {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found !== undefined) await refuseIfTaken(path, found);
    return new SocketPath(path, lock);
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
}

function lockFor(path: string): Fd {
  let lock: Fd;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    lock = new Fd(openSync(`${path}.lock`, openFlags, 0o600));
  } catch (cause) {
    throw new SocketPathError(path, "inaccessible", messageOf(cause), cause);
  }
  if (libc.flock(lock.number, lockExclusive | lockWithoutWaiting) === 0) return lock;
  const error = errnoName(errno());
  lock[Symbol.dispose]();
  if (error === "EAGAIN") throw new SocketPathError(path, "in-use", inUse);
  throw new SocketPathError(path, "inaccessible", `${path}.lock cannot be locked: ${error}`);
}

// Somebody without our lock may be there all the same: an older service, or a lock file that was deleted.
async function refuseIfTaken(path: string, found: Stats): Promise<void> {
  if (!found.isSocket()) {
    throw new SocketPathError(
      path,
      "invalid",
      "a file that is not a socket is there; remove it or choose another path",
    );
  }
  try {
    const probe = await Bun.connect({ unix: path, socket: { data() {} } });
    probe.terminate();
  } catch (cause) {
    if (isErrno(cause, "ECONNREFUSED", "ENOENT")) return;
    throw new SocketPathError(path, "inaccessible", `the socket there cannot be tried: ${messageOf(cause)}`, cause);
  }
  throw new SocketPathError(path, "in-use", inUse);
}

const inUse = "another service is running there; stop it first or choose another path";

// fcntl.h, sys/file.h. Closed on exec: a foreign plugin that we start must not keep the lock.
const openFlags = 0o2 | 0o100 | 0o2000000; // O_RDWR | O_CREAT | O_CLOEXEC
const lockExclusive = 2;
const lockWithoutWaiting = 4;
