// Logs as readers get them: which lines, over pieces, rotations and files of any size.

import { describe, expect, test } from "bun:test";
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { forEachSeed } from "#test/random.ts";
import { parseLogOptions } from "./log-options.ts";
import { readLog } from "./log-reader.ts";

class LogFolder implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "twill-log-"));
  readonly path = join(this.#folder, "log");

  constructor(lines: readonly string[], older?: readonly string[]) {
    writeFileSync(this.path, lines.map((line) => `${line}\n`).join(""));
    if (older !== undefined) writeFileSync(`${this.path}.1`, older.map((line) => `${line}\n`).join(""));
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true });
  }
}

const nowMs = Date.parse("2026-01-02T03:04:05Z");

function optionsOf(query: string) {
  return parseLogOptions(new URLSearchParams(query), nowMs);
}

async function read({ path }: LogFolder, query: string): Promise<string> {
  const signal = new AbortController().signal;
  const pieces = await Array.fromAsync(readLog(path, optionsOf(query), () => true, signal));
  return Buffer.concat(pieces).toString();
}

const lines = [
  "2026-01-02T03:04:01.5Z stdout F one",
  "2026-01-02T03:04:02Z stderr P tw",
  "2026-01-02T03:04:02Z stderr F o",
  "2026-01-02T03:04:03Z stdout F ",
  "no line of a log",
  "2026-01-02T03:04:04.123456789Z stdout F four and more",
];

describe("readLog()", () => {
  const rows: readonly (readonly [query: string, text: string])[] = [
    ["", "one\ntwo\n\nfour and more\n"],
    ["tailLines=0", ""],
    ["tailLines=1", "four and more\n"],
    ["tailLines=9", "one\ntwo\n\nfour and more\n"],
    ["sinceSeconds=2", "\nfour and more\n"],
    ["sinceTime=2026-01-02T03:04:04Z", "four and more\n"],
    ["sinceSeconds=2&tailLines=1&timestamps=true", "2026-01-02T03:04:04.123456789Z four and more\n"],
    ["timestamps=1&stream=Stderr", "2026-01-02T03:04:02Z two\n"],
    ["limitBytes=5", "one\nt"],
    ["tailLines=nonsense", "one\ntwo\n\nfour and more\n"],
  ];
  for (const [query, text] of rows) {
    test(`gives ${JSON.stringify(text)} for ${query || "no wish"}`, async () => {
      using folder = new LogFolder(lines);
      expect(await read(folder, query)).toBe(text);
    });
  }

  test("takes what was rotated away before what is there, and only as far back as is wanted", async () => {
    using folder = new LogFolder(lines.slice(3), lines.slice(0, 3));
    expect(await read(folder, "")).toBe("one\ntwo\n\nfour and more\n");
    expect(await read(folder, "tailLines=4")).toBe("two\n\nfour and more\n");
    expect(await read(folder, "tailLines=1")).toBe("four and more\n");
  });

  for (const query of ["", "tailLines=4", "tailLines=1"]) {
    test(`leaves out what is written while it reads for ${query || "no wish"}`, async () => {
      using folder = new LogFolder(lines);
      const before = await read(folder, query);
      const write = () => {
        appendFileSync(folder.path, "2026-01-02T03:04:05Z stdout F later\n");
        return false;
      };
      const pieces = await Array.fromAsync(readLog(folder.path, optionsOf(query), write, new AbortController().signal));
      expect(Buffer.concat(pieces).toString()).toBe(before);
    });
  }

  test("gives bytes that are no text as they are", async () => {
    using folder = new LogFolder([]);
    writeFileSync(folder.path, Buffer.concat([Buffer.from(`${lines[0]}`), Buffer.from([0xff, 0xc3, 0, 10])]));
    const pieces = await Array.fromAsync(readLog(folder.path, optionsOf(""), () => true, AbortSignal.abort()));
    expect(Buffer.concat(pieces)).toEqual(Buffer.concat([Buffer.from("one"), Buffer.from([0xff, 0xc3, 0, 10])]));
  });

  test("has nothing of a log that is not there", async () => {
    using folder = new LogFolder([]);
    rmSync(folder.path);
    expect(await read(folder, "follow=true")).toBe("");
  });

  test("a tail is the end of the whole, for files longer than a block", async () => {
    const runs: Promise<void>[] = [];
    forEachSeed(20, (random) => {
      const logical = random.list(400, () => random.list(3, () => "x".repeat(random.below(random.pick([10, 2000])))));
      const physical = logical.flatMap((pieces) =>
        [...pieces, "end"].map((text, i) => `2026-01-02T03:04:01Z stdout ${i < pieces.length ? "P" : "F"} ${text}`),
      );
      const count = random.below(420);
      const split = random.below(physical.length + 1);
      const check = async () => {
        using folder = new LogFolder(physical.slice(split), physical.slice(0, split));
        const want = logical.slice(Math.max(0, logical.length - count)).map((pieces) => `${pieces.join("")}end\n`);
        // The pieces of a line that was cut by a rotation are in two files: such a line counts for each.
        const cut = physical[split - 1]?.includes(" P ") ?? false;
        if (!cut) expect(await read(folder, `tailLines=${count}`)).toBe(want.join(""));
        expect(await read(folder, "")).toBe(logical.map((pieces) => `${pieces.join("")}end\n`).join(""));
      };
      runs.push(check());
    });
    await Promise.all(runs);
  });

  test("follows through rotations until the container ends, and misses nothing", async () => {
    using folder = new LogFolder(["2026-01-02T03:04:01Z stdout F 0"]);
    let over = false;
    const write = async () => {
      for (let i = 1; i < 300; i++) {
        appendFileSync(folder.path, `2026-01-02T03:04:01Z stdout F ${i}\n`);
        if (i % 100 === 0) renameSync(folder.path, `${folder.path}.1`);
        if (i % 100 === 0) writeFileSync(folder.path, "");
        if (i % 10 === 0) await Bun.sleep(8);
      }
      over = true;
    };
    const follow = Array.fromAsync(
      readLog(folder.path, optionsOf("follow=true"), () => over, new AbortController().signal),
    );
    await write();
    const text = Buffer.concat(await follow).toString();
    expect(text).toBe(Array.from({ length: 300 }, (_, i) => `${i}\n`).join(""));
  });

  test("stops following when nobody listens any more", async () => {
    using folder = new LogFolder(lines);
    const listening = new AbortController();
    const reader = readLog(folder.path, optionsOf("follow=true"), () => false, listening.signal);
    await reader.next();
    listening.abort();
    expect((await reader.next()).done).toBe(true);
  });
});
