// The log of one run of a container as a stream: what is there, then what comes.

import { existsSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { formatLogLine, type LogLine, type LogOptions, parseLogLine, selectLines } from "./log-line.ts";

/** Looked at this often while somebody follows. */
const pollMs = 100;
const chunkBytes = 64 * 1024;

/** Ends with the log, or when following with the container or the signal. `isOver` tells that no more will be written. */
export async function* readLog(
  file: string,
  options: LogOptions,
  isOver: () => boolean,
  signal: AbortSignal,
): AsyncGenerator<string> {
  let left = options.limitBytes ?? Number.POSITIVE_INFINITY;
  const limited = (text: string) => {
    const part = text.slice(0, left);
    left -= part.length;
    return part;
  };
  const source = new GrowingFile(file);
  const old = existsSync(`${file}.1`) ? await new GrowingFile(`${file}.1`).lines() : [];
  const first = [...old, ...(await source.lines())];
  yield limited(
    selectLines(first, options)
      .map((line) => formatLogLine(line, options.timestamps))
      .join(""),
  );
  while (options.follow && left > 0 && !signal.aborted) {
    const over = isOver();
    const lines = await source.lines();
    if (lines.length > 0) yield limited(lines.map((line) => formatLogLine(line, options.timestamps)).join(""));
    else if (over) return;
    else await Bun.sleep(pollMs);
  }
}

/** A file that is appended to, and at times begun anew. */
class GrowingFile {
  readonly #path: string;
  #inode = 0;
  #offset = 0;
  #rest = "";

  constructor(path: string) {
    this.#path = path;
  }

  /** The whole lines that have come since the last time. */
  async lines(): Promise<readonly LogLine[]> {
    const now = statSync(this.#path, { throwIfNoEntry: false });
    if (now === undefined) return [];
    if (now.ino !== this.#inode) [this.#inode, this.#offset, this.#rest] = [now.ino, 0, ""];
    const text = this.#rest + (now.size > this.#offset ? await this.#read() : "");
    const lines = text.split("\n");
    this.#rest = lines.pop() ?? "";
    return lines.flatMap((line) => parseLogLine(line) ?? []);
  }

  async #read(): Promise<string> {
    await using handle = await open(this.#path, "r");
    const decoder = new TextDecoder();
    const bytes = new Uint8Array(chunkBytes);
    let text = "";
    for (;;) {
      const { bytesRead } = await handle.read(bytes, 0, chunkBytes, this.#offset);
      if (bytesRead === 0) break;
      // Only whole lines are taken, so that no letter is cut in two.
      const end = bytes.lastIndexOf(10, bytesRead - 1) + 1;
      if (end === 0 && bytesRead < chunkBytes) break;
      const taken = end === 0 ? bytesRead : end;
      text += decoder.decode(bytes.subarray(0, taken));
      this.#offset += taken;
    }
    return text;
  }
}
