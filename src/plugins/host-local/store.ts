// The folder in which host-local keeps a network's addresses, byte for byte as the reference plugin keeps it.
//
//   <dataDir>/<network>/10.1.0.5            "<containerID>\r\n<ifname>"; before 2018 the container ID alone
//                       last_reserved_ip.0  "10.1.0.5", the last one given out from range set 0
//                       lock                flock(2), held while anything here is read or written
//
// A node may change between both plugins at any time, with containers running. What a process dying at any instant can
// leave is an empty address file; under the lock nobody is about to fill it, so it is taken away.

import {
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { CniError, ErrorCode } from "#cni/error.ts";
import type { Attachment } from "#cni/plugin.ts";
import { isErrno, KernelError } from "#kernel/errno.ts";
import { Fd } from "#kernel/fd.ts";
import { lockFile } from "#kernel/file-lock.ts";
import { type Ip, parseIp } from "#net/ip.ts";
import type { Host } from "#plugins/host.ts";
import { ioFailure } from "#plugins/io-failure.ts";
import { Taken } from "./taken.ts";

/** What the file of an address says of its owner. */
export function ownerText({ containerID, ifname }: Attachment): string {
  return `${containerID}\r\n${ifname}`;
}

/** An index, and the state of the folder that it describes. */
type Known = { readonly taken: Taken; readonly inode: bigint; readonly device: bigint; readonly mtimeNs: bigint };

/** Networks whose index a process keeps; the one unused for longest goes first. */
const maxPools = 256;

/** What one process remembers of the folders, so that it need not read thousands of files for each call. */
export class PoolCache {
  readonly #pools = new Map<string, Known>();

  take(folder: string): Known | undefined {
    const known = this.#pools.get(folder);
    this.#pools.delete(folder);
    return known;
  }

  keep(folder: string, known: Known): void {
    this.#pools.set(folder, known);
    const [oldest] = this.#pools.keys();
    if (this.#pools.size > maxPools && oldest !== undefined) this.#pools.delete(oldest);
  }
}

type Opened = Pick<Host, "pools" | "sleep" | "now" | "random">;

/**
 * Locks a network's folder. Between opening and disposing there must be no `await`: others wait.
 * `make` makes the folder when absent; otherwise the answer is undefined then.
 * @throws CniError 5 (the folder cannot be used), 11 (locked by another process for too long)
 */
export async function openPool(folder: string, host: Opened, make: { readonly make: true }): Promise<Pool>;
export async function openPool(
  folder: string,
  host: Opened,
  make?: { readonly make: boolean },
): Promise<Pool | undefined>;
export async function openPool(folder: string, host: Opened, { make } = { make: false }): Promise<Pool | undefined> {
  try {
    return new Pool(folder, host, await lockFolder(folder, host, make));
  } catch (cause) {
    if (!make && isErrno(cause, "ENOENT", "ENOTDIR")) return undefined;
    if (cause instanceof KernelError && cause.errnoName === "EAGAIN") {
      throw new CniError(ErrorCode.tryAgainLater, `host-local: ${cause.message}`, { cause });
    }
    throw cause instanceof CniError ? cause : failure(`use ${folder}`, cause);
  }
}

async function lockFolder(folder: string, { sleep }: Opened, make: boolean): Promise<Disposable> {
  try {
    return await lockFile(`${folder}/lock`, { sleep });
  } catch (error) {
    if (!make || !isErrno(error, "ENOENT")) throw error;
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    return await lockFile(`${folder}/lock`, { sleep });
  }
}

/** A network's folder while it is locked. */
export class Pool implements Disposable {
  readonly folder: string;
  readonly #host: Opened;
  readonly #lock: Disposable;
  #taken: Taken;
  /** The folder is not in the state that the cache would know it by. */
  #changed = false;
  /** The index may not be what the folder holds. */
  #doubtful = false;

  /** Takes over the lock. @throws what node:fs throws, with the lock released. */
  constructor(folder: string, host: Opened, lock: Disposable) {
    this.folder = folder;
    this.#host = host;
    this.#lock = lock;
    try {
      this.#taken = this.#recall() ?? this.#scan();
    } catch (error) {
      lock[Symbol.dispose]();
      throw error;
    }
  }

  /** The index of taken addresses: valid until the pool is disposed or says that it was wrong. */
  get taken(): Taken {
    return this.#taken;
  }

  /** The address given out last from range set number `set`. */
  lastReserved(set: number): Ip | undefined {
    return parseIp(this.#read(`last_reserved_ip.${set}`)?.trim() ?? "");
  }

  /** The owner's addresses, oldest first: each was looked up in its file, for giving away another's would be worse than slow. */
  addressesOf(owner: string): readonly Ip[] {
    const addresses = this.#taken.addressesOf(owner);
    if (addresses.every((address) => this.#read(address)?.trim() === owner)) return addresses;
    this.#taken = this.#scan();
    return this.#taken.addressesOf(owner);
  }

  /** False when the address is taken, and then the index is made anew. @throws CniError 5 with nothing left behind. */
  reserve(address: Ip, owner: string, set: number): boolean {
    const path = `${this.folder}/${address}`;
    let fd: number;
    try {
      // The file must not exist: whoever makes it owns the address.
      fd = openSync(path, "wx", 0o600);
    } catch (cause) {
      if (!isErrno(cause, "EEXIST")) throw failure(`reserve ${address} in ${this.folder}`, cause);
      this.#taken = this.#scan();
      return false;
    }
    this.#changed = true;
    try {
      using file = new Fd(fd);
      writeSync(file.number, owner);
      writeFileSync(`${this.folder}/last_reserved_ip.${set}`, address, { mode: 0o600 });
    } catch (cause) {
      this.#doubtful = true;
      rmSync(path, { force: true });
      throw failure(`reserve ${address} in ${this.folder}`, cause);
    }
    this.#taken.add(address, owner);
    return true;
  }

  /** Frees the address; one that is free already is no error. @throws CniError 5 */
  release(address: Ip): void {
    this.#changed = true;
    try {
      rmSync(`${this.folder}/${address}`, { force: true });
    } catch (cause) {
      throw failure(`release ${address} in ${this.folder}`, cause);
    }
    this.#taken.remove(address);
  }

  [Symbol.dispose](): void {
    try {
      this.#remember();
    } finally {
      this.#lock[Symbol.dispose]();
    }
  }

  #recall(): Taken | undefined {
    const known = this.#host.pools.take(this.folder);
    const { ino, dev, mtimeNs } = statSync(this.folder, { bigint: true });
    return known?.inode === ino && known.device === dev && known.mtimeNs === mtimeNs ? known.taken : undefined;
  }

  /**
   * A folder's time of change moves in ticks of some milliseconds: what another process does in the tick of our own change
   * would not show. So the time is set to one that no clock will show again: 10 s and a random part ago.
   */
  #remember(): void {
    if (this.#doubtful) return;
    const { now, random, pools } = this.#host;
    try {
      if (this.#changed) {
        const [part = 0] = new Uint32Array(random(new Uint8Array(4)).buffer);
        const stamp = now() / 1000 - 10 - part / 0x1_0000_0000;
        utimesSync(this.folder, stamp, stamp);
      }
      const { ino, dev, mtimeNs } = statSync(this.folder, { bigint: true });
      pools.keep(this.folder, { taken: this.#taken, inode: ino, device: dev, mtimeNs });
    } catch {
      // Read-only, or gone: the next call reads the folder again.
    }
  }

  /** Reads every address's file, and takes away the empty ones. */
  #scan(): Taken {
    this.#changed = true;
    const taken = new Taken();
    for (const name of readdirSync(this.folder)) {
      const address = parseIp(name);
      if (address === undefined || address !== name) continue;
      const owner = this.#read(name)?.trim();
      if (owner === "") rmSync(`${this.folder}/${name}`, { force: true });
      else if (owner !== undefined) taken.add(address, owner);
    }
    return taken;
  }

  /** Undefined when there is no such file. Something else of that name, like a folder, counts as a file of nobody's. */
  #read(name: string): string | undefined {
    try {
      return readFileSync(`${this.folder}/${name}`, "utf8");
    } catch (error) {
      return isErrno(error, "ENOENT") ? undefined : nobody;
    }
  }
}

/** No container has this ID: names hold no slash. */
const nobody = "/";

function failure(action: string, cause: unknown): CniError {
  return ioFailure(`host-local: Cannot ${action}`, "set ipam.dataDir to another folder", cause);
}
