// Locks between all calls, also of other processes, that share a folder for records.

import { mkdirSync } from "node:fs";
import { CniError, ErrorCode } from "#cni/error.ts";
import { KernelError } from "#kernel/errno.ts";
import { lockFile } from "#kernel/file-lock.ts";
import type { Host } from "./host.ts";
import { ioFailure } from "./io-failure.ts";

/**
 * Takes the lock of that name; dispose it. Service and stand-alone plugins may run side by side.
 * @throws CniError 5 (the folder cannot be written), 11 (another process holds it for too long)
 */
export async function lockRun(host: Host, name: string): Promise<Disposable> {
  const path = `${host.runDir}/${name}.lock`;
  try {
    mkdirSync(host.runDir, { recursive: true, mode: 0o700 });
    return await lockFile(path, { sleep: host.sleep });
  } catch (cause) {
    if (cause instanceof KernelError && cause.errnoName === "EAGAIN") {
      throw new CniError(ErrorCode.tryAgainLater, cause.message, { cause });
    }
    throw ioFailure(`Cannot lock ${path}`, "that folder must take files", cause);
  }
}
