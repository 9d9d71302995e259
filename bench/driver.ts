// Runs commands one after another, in a network namespace if need be, and tells how long each took, without the cost of Bun's own spawn.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { splitLines } from "#kube/lines.ts";
import type { Netns, Sandbox } from "#test/sandbox.ts";

export type Timed = { readonly exitCode: number; readonly ms: number; readonly stdout: string };

export class Driver implements AsyncDisposable {
  readonly #child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #lines: AsyncIterator<string>;
  readonly #dir: string;

  /** Without `node` the commands run in this process's own namespace. */
  constructor(box: Sandbox, node?: Netns) {
    this.#dir = box.dir();
    const program = join(this.#dir, "driver");
    const source = new URL("driver.c", import.meta.url).pathname;
    const built = Bun.spawnSync(["gcc", "-O2", "-o", program, source]);
    if (built.exitCode !== 0) throw new Error(`gcc failed: ${built.stderr.toString()}`);
    const inside = node === undefined ? [] : ["nsenter", `--net=${node.path}`, "--"];
    this.#child = Bun.spawn([...inside, program], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
    this.#lines = splitLines(this.#child.stdout)[Symbol.asyncIterator]();
  }

  async run(command: string, stdin: string, env: Readonly<Record<string, string>>): Promise<Timed> {
    const [input, output] = [join(this.#dir, "in"), join(this.#dir, "out")];
    writeFileSync(input, stdin);
    const fields = [command, input, output, ...Object.entries(env).map(([key, value]) => `${key}=${value}`)];
    this.#child.stdin.write(`${fields.join("\t")}\n`);
    this.#child.stdin.flush();
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error(`The driver has ended before it ran ${command}`);
    const [exitCode, ns] = value.split(" ").map(Number);
    return { exitCode: exitCode ?? -1, ms: (ns ?? Number.NaN) / 1e6, stdout: readFileSync(output, "utf8") };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin.end();
    await this.#child.exited;
  }
}

export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
