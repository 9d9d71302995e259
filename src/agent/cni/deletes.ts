// Deletes that the shim queued while no agent answered: one file each, as docs/shim-protocol.md says.

import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { KeyedLock } from "#base/keyed-lock.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import type { Call, Invocation, Outcome } from "#cni/plugin.ts";
import { DecodeError } from "#codec/codec.ts";
import { isErrno } from "#kernel/errno.ts";
import { decodeRequest } from "#plugins/service/frame.ts";

export type QueuedDeletesOptions = {
  readonly folder: string;
  readonly run: (invocation: Invocation) => Promise<Outcome>;
  readonly log: (line: string) => void;
};

export class QueuedDeletes {
  readonly #options: QueuedDeletesOptions;
  readonly #lock = new KeyedLock();

  constructor(options: QueuedDeletesOptions) {
    this.#options = options;
  }

  /** Replays all that are there; one that fails stays for the next time, one that cannot be read goes. */
  async replay(): Promise<void> {
    const { folder } = this.#options;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // Names that begin with a dot are unfinished.
    for (const name of readdirSync(folder).filter((each) => !each.startsWith("."))) await this.#replayOne(name);
  }

  /**
   * Replays what is queued for an interface: it was asked for before whatever is asked for now, and must not be done after it.
   * @throws CniError 11 when that fails
   */
  async settle({ containerId, ifname }: Pick<Call, "containerId" | "ifname">): Promise<void> {
    if (await this.#replayOne(`${containerId}:${ifname}`)) return;
    const what = `DEL of ${containerId} ${ifname}, which was queued while no agent ran,`;
    throw new CniError(ErrorCode.tryAgainLater, `${what} fails: the log of the agent says why; it is tried again soon`);
  }

  /** Whether it is done. */
  async #replayOne(name: string): Promise<boolean> {
    const { folder, run, log } = this.#options;
    const path = join(folder, name);
    const release = await this.#lock.acquire(name);
    try {
      const { exitCode, stdout } = await run(decodeRequest(readFileSync(path)).invocation);
      if (exitCode === 0) rmSync(path, { force: true });
      else log(`the queued delete ${name} failed, it is tried again later: ${stdout}`);
      return exitCode === 0;
    } catch (error) {
      // Done by somebody else meanwhile, or never queued.
      if (isErrno(error, "ENOENT", "ENAMETOOLONG")) return true;
      if (!(error instanceof DecodeError)) throw error;
      log(`the queued delete ${name} cannot be read and is dropped: ${error.message}`);
      rmSync(path, { force: true });
      return true;
    } finally {
      release();
    }
  }
}
