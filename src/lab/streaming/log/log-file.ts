// One file of a log, held open: it stays the same when it is renamed by rotation.

import { type FileHandle, open, stat } from "node:fs/promises";
import { isErrno } from "#kernel/errno.ts";
import { maxHeadBytes, parseCriLine } from "./cri-line.ts";

const blockBytes = 64 * 1024;
const lineFeed = 10;

/** Where to begin, how many lines are wanted of what came before this file, and where the file ended when that was looked at. */
export type TailStart = { readonly offset: number; readonly missing: number; readonly end: number };

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

  /** The bytes from `offset` to the present end, or to `end` if that is before it, in blocks that are valid until the next one. */
  async *blocks(offset: number, end: number): AsyncGenerator<Uint8Array> {
    const block = new Uint8Array(blockBytes);
    for (let at = offset; at < end; ) {
      const { bytesRead } = await this.#handle.read(block, 0, Math.min(blockBytes, end - at), at);
      if (bytesRead === 0) return;
      at += bytesRead;
      yield block.subarray(0, bytesRead);
    }
  }

  /** Where the last `count` lines begin, read from the end. The pieces of a long line count as one. */
  async startOfTail(count: number | undefined): Promise<TailStart> {
    const { size: end } = await this.#handle.stat();
    if (count === undefined) return { offset: 0, missing: Number.POSITIVE_INFINITY, end };
    let missing = count;
    let offset = end;
    if (count === 0) return { offset, missing, end };
    for await (const { start, whole } of this.#linesBackwards(end)) {
      // A piece belongs to what comes after it, unless nothing does.
      if (whole || offset === end) {
        if (missing === 0) return { offset, missing, end };
        missing--;
      }
      offset = start;
    }
    return { offset, missing, end };
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
