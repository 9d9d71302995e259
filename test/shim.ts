// The shim as tests use it: built from its source, called as a runtime would, beside a stand-in for the stand-alone executable.
import { existsSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What one call of the shim left behind. */
export type ShimRun = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

export type ShimCall = {
  /** The plugin that it is called as. */
  readonly plugin?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: Uint8Array | string;
  /** A command that the shim's is appended to: `["unshare", "-n"]`. */
  readonly inside?: readonly string[];
};

const timeoutMs = 40_000;
const buildScript = new URL("../shim/build.sh", import.meta.url).pathname;

// Prints what it was started with, so that a test sees what the shim hands on.
const standInSource = `
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv) {
  printf("stand-alone %s", argv[0]);
  for (int i = 1; i < argc; i++) printf(" %s", argv[i]);
  printf(" CNI_COMMAND=%s stdin=", getenv("CNI_COMMAND") ? getenv("CNI_COMMAND") : "");
  fflush(stdout);
  for (int c; (c = getchar()) != EOF;) putchar(c);
  return 7;
}`;

/** The compiled shim in a folder of its own. */
export class Shim {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
    run([buildScript, join(folder, "twill-cni")]);
  }

  /** Builds the stand-in for the stand-alone executable. */
  standIn(name = "stand-in"): string {
    const path = join(this.folder, name);
    writeFileSync(`${path}.c`, standInSource);
    run(["musl-gcc", "-static", "-Os", "-o", path, `${path}.c`]);
    return path;
  }

  /** The path that a runtime would execute. */
  path(plugin: string): string {
    const path = join(this.folder, plugin);
    if (!existsSync(path)) {
      symlinkSync("twill-cni", `${path}.new`);
      renameSync(`${path}.new`, path);
    }
    return path;
  }

  /** Starts a call; nothing but `env` is in its environment. */
  spawn(call: ShimCall, stdin: "pipe" | Uint8Array) {
    const command = [...(call.inside ?? []), this.path(call.plugin ?? "bridge"), ...(call.args ?? [])];
    return Bun.spawn(command, {
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ...call.env },
      stdin,
      stdout: "pipe",
      stderr: "pipe",
      timeout: timeoutMs,
      killSignal: "SIGKILL",
    });
  }

  async run(call: ShimCall = {}): Promise<ShimRun> {
    const child = this.spawn(call, Buffer.from(call.stdin ?? ""));
    const [stdout, stderr, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    return { exitCode, stdout, stderr };
  }
}

function run(command: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(command);
  if (exitCode !== 0) throw new Error(`${command.join(" ")} failed: ${stderr.toString()}`);
}
