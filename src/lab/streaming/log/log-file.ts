// One file of a log, held open: it stays the same when it is renamed by rotation.

import { type FileHandle, open, stat } from "node:fs/promises";
import { isErrno } from "#kernel/errno.ts";
import { maxHeadBytes, parseCriLine } from "./cri-line.ts";

const blockBytes = 64 * 1024;
const lineFeed = 10;

/** Where to begin, and how many lines are wanted of what came before this file. */
export type TailStart = { readonly offset: number; readonly missing: number };

export class LogFile implements AsyncDisposable {
  readonly #handle: FileHandle;
  readonly inode: number;

  private constructor(handle: FileHandle, inode: number) {
    this.#handle = handle;
    this.inode = inode;
  }

  /** Undefined when there is no such file. */
  static async open(path: string): Promise<LogFile | undefined> {
    try {
      const handle = await open(path, "r");
      return new LogFile(handle, (await handle.stat()).ino);
    } catch (error) {
      if (isErrno(error, "ENOENT")) return undefined;
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }

  /** The bytes from `offset` to the present end, in blocks that are valid until the next one. */
  async *blocks(offset: number): AsyncGenerator<Uint8Array> {
    const block = new Uint8Array(blockBytes);
    for (let at = offset; ; ) {
      const { bytesRead } = await this.#handle.read(block, 0, blockBytes, at);
      if (bytesRead === 0) return;
      at += bytesRead;
      yield block.subarray(0, bytesRead);
    }
  }

  /** Where the last `count` lines begin, read from the end. The pieces of a long line count as one. */
  async startOfTail(count: number | undefined): Promise<TailStart> {
    if (count === undefined) return { offset: 0, missing: Number.POSITIVE_INFINITY };
    const { size } = await this.#handle.stat();
    let missing = count;
    let offset = size;
    if (count === 0) return { offset, missing };
    for await (const { start, whole } of this.#linesBackwards(size)) {
      // A piece belongs to what comes after it, unless nothing does.
      if (whole || offset === size) {
        if (missing === 0) return { offset, missing };
        missing--;
      }
      offset = start;
    }
    return { offset, missing };
  }

  async *#linesBackwards(size: number): AsyncGenerator<{ readonly start: number; readonly whole: boolean }> {
    const lineAt = (bytes: Uint8Array, at: number, start: number) => ({
      start,
      whole: parseCriLine(bytes.subarray(at, at + maxHeadBytes))?.whole ?? true,
    });
    // The head of a line may go on in the block behind.
    let behind: Uint8Array = new Uint8Array();
    let bytes: Uint8Array = behind;
    for (let at = size; at > 0; ) {
      const length = Math.min(blockBytes, at);
      const block = new Uint8Array(length);
      const { bytesRead } = await this.#handle.read(block, 0, length, at - length);
      if (bytesRead < length) return;
      at -= length;
      bytes = Buffer.concat([block, behind]);
      for (let i = length - 1; i >= 0; i--) {
        if (block[i] === lineFeed && at + i + 1 < size) yield lineAt(bytes, i + 1, at + i + 1);
      }
      behind = bytes.slice(0, maxHeadBytes);
    }
    if (size > 0) yield lineAt(bytes, 0, 0);
  }
}

/** The file that has that name now; 0 when none has. */
export async function inodeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).ino;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return 0;
    throw error;
  }
}
