// The log of one run of a container as a stream: what is there, then what comes. Neither reads more of the files than it has to,
// nor holds more than a block of them.

import { LinePrinter } from "./line-printer.ts";
import { inodeOf, LogFile } from "./log-file.ts";
import type { LogOptions } from "./log-options.ts";

/** Looked at this often while somebody follows. */
const pollMs = 100;

/**
 * Ends with the log; when following, with the container or the signal. `isOver` tells that no more will be written. The log is `path`, and
 * before it what rotation has renamed to `path`.1.
 */
export async function* readLog(
  path: string,
  options: LogOptions,
  isOver: () => boolean,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const printer = new LinePrinter(options);
  // The present file first: a rotation between the two must not hide lines.
  let file = await LogFile.open(path);
  if (file === undefined) return;
  try {
    const { missing, ...there } = await file.startOfTail(options.tailLines);
    let { offset } = there;
    // Who does not follow wants what was there: of lines that are written meanwhile the tail would grow longer than asked for.
    const end = options.follow ? Number.POSITIVE_INFINITY : there.end;
    if (missing > 0) yield* olderLines(path, file, missing, printer);
    for (;;) {
      const over = isOver();
      const inode = await inodeOf(path);
      let isNew = false;
      for await (const block of file.blocks(offset, end)) {
        offset += block.length;
        isNew = true;
        yield printer.print(block);
        if (printer.isDone) return;
      }
      if (!options.follow || signal.aborted) return;
      if (inode !== file.inode && inode !== 0) {
        const next = await LogFile.open(path);
        if (next === undefined) return;
        await file[Symbol.asyncDispose]();
        [file, offset] = [next, 0];
      } else if (!isNew) {
        if (over) return;
        await Bun.sleep(pollMs);
      }
    }
  } finally {
    await file[Symbol.asyncDispose]();
  }
}

async function* olderLines(
  path: string,
  present: LogFile,
  count: number,
  printer: LinePrinter,
): AsyncGenerator<Uint8Array> {
  await using older = await LogFile.open(`${path}.1`);
  if (older === undefined || older.inode === present.inode) return;
  const { offset } = await older.startOfTail(Number.isFinite(count) ? count : undefined);
  for await (const block of older.blocks(offset, Number.POSITIVE_INFINITY)) {
    yield printer.print(block);
    if (printer.isDone) return;
  }
}
