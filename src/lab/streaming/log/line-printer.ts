// Lines of a log as their reader gets them.

import { type CriLine, parseCriLine } from "./cri-line.ts";
import type { LogOptions } from "./log-options.ts";

const lineFeed = 10;
const feed = Uint8Array.of(lineFeed);
/** Beyond it a text without a line feed is no log that a runtime has written. */
const maxRest = 1024 * 1024;

/** Takes a log file's bytes in pieces of any size. */
export class LinePrinter {
  readonly #options: LogOptions;
  #rest: Uint8Array = new Uint8Array();
  #left: number;
  #withinLine = false;

  constructor(options: LogOptions) {
    this.#options = options;
    this.#left = options.limitBytes ?? Number.POSITIVE_INFINITY;
  }

  /** Whether the reader has all the bytes that it wanted. */
  get isDone(): boolean {
    return this.#left <= 0;
  }

  /** What of it the reader gets; a line that is not complete waits for the next piece. */
  print(bytes: Uint8Array): Uint8Array {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const parts: Uint8Array[] = [];
    let from = 0;
    for (let end = all.indexOf(lineFeed); end >= 0; end = all.indexOf(lineFeed, from)) {
      const line = parseCriLine(all.subarray(from, end));
      if (line !== undefined && this.#isWanted(line)) this.#format(line, parts);
      from = end + 1;
    }
    // The caller uses its bytes again.
    this.#rest = all.length - from > maxRest ? new Uint8Array() : all.slice(from);
    const printed = Buffer.concat(parts).subarray(0, Math.min(this.#left, Number.MAX_SAFE_INTEGER));
    this.#left -= printed.length;
    return printed;
  }

  #isWanted({ time, stream }: CriLine): boolean {
    const { sinceMs, stream: wanted } = this.#options;
    return (wanted === undefined || stream === wanted) && (sinceMs === undefined || Date.parse(time) >= sinceMs);
  }

  /** Pieces are joined by having no end, and only the first has the time. */
  #format({ time, text, whole }: CriLine, parts: Uint8Array[]): void {
    if (this.#options.timestamps && !this.#withinLine) parts.push(Buffer.from(`${time} `));
    parts.push(text);
    if (whole) parts.push(feed);
    this.#withinLine = !whole;
  }
}
