// Runs commands as people call them, and writes the files that they are given.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Of the project. */
export const root = new URL("../../", import.meta.url).pathname;

/** A folder of the test's own, where it writes files. */
export class Folder implements Disposable {
  readonly #path = mkdtempSync(join(tmpdir(), "twill-policy-"));

  write(name: string, text: string): string {
    const file = join(this.#path, name);
    writeFileSync(file, text);
    return file;
  }

  path(name: string): string {
    return join(this.#path, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.#path, { recursive: true });
  }
}

/** Runs `twill` from its sources, in the folder of the project. */
export function twill(...words: readonly string[]): {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
} {
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, "src/cli/main.ts", ...words], { cwd: root });
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}
