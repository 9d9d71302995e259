// Executables that are to be a node's agent: asked who they are before anything is stopped for them.

import { LabError } from "#lab/spec.ts";

/** What an executable that does not end is given to say its version. */
const patienceMs = 10_000;

/** Returns the path of one that says its version as `twill version` does. @throws LabError saying what it is instead */
export async function requireTwill(path: string): Promise<string> {
  const said = await versionOf(path);
  if (/^\d+\.\d+\.\d+\S*\n$/.test(said)) return path;
  throw new LabError(`Cannot use ${path} as an agent: it does not say its version, as twill version does`);
}

async function versionOf(path: string): Promise<string> {
  try {
    const child = Bun.spawn([path, "version"], {
      ...{ stdin: "ignore", stdout: "pipe", stderr: "ignore", env: {} },
      ...{ timeout: patienceMs, killSignal: "SIGKILL" },
    });
    return await child.stdout.text();
  } catch (cause) {
    throw new LabError(`Cannot use ${path} as an agent: no executable is there`, { cause });
  }
}
