// A plugin run as a process of its own: environment and stdin in, result on stdout, exit code.

import { readFileSync, writeSync } from "node:fs";
import { dispatch, ownDelegates } from "#plugins/dispatch.ts";
import { type Host, OpenHost } from "#plugins/host.ts";
import { defaultRunDir } from "#plugins/run-dir.ts";

/** Runs the plugin `name` on this process's environment and stdin; the exit code. */
export async function runStandalone(name: string, env: ReadonlyMap<string, string>): Promise<number> {
  using host: OpenHost = new OpenHost({
    runDir: env.get("TWILL_RUN_DIR") ?? defaultRunDir,
    delegates: ownDelegates((): Host => host),
    random: (bytes) => crypto.getRandomValues(bytes),
    now: () => Date.now(),
    sleep: (ms) => Bun.sleep(ms),
  });
  const command = env.get("CNI_COMMAND") ?? "";
  // VERSION and a call by hand have nothing to read, and their stdin may stay open.
  const stdin = command === "" || command === "VERSION" ? new Uint8Array(0) : readFileSync(0);
  const { exitCode, stdout, stderr } = await dispatch({ plugin: name, env, stdin }, host);
  writeAll(1, stdout);
  writeAll(2, stderr);
  return exitCode;
}

function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}
