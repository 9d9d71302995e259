// What the plugin service does with a call: one at a time per container interface, undone when its caller is gone.

import { KeyedLock } from "#base/keyed-lock.ts";
import type { Invocation, Outcome } from "#cni/plugin.ts";
import type { Handle } from "./connection.ts";

/** Runs one call, whatever comes; never throws. */
export type Run = (invocation: Invocation) => Promise<Outcome>;

/** A handler for `servePlugins`. */
export function pluginHandler(run: Run, log: (line: string) => void): Handle {
  const lock = new KeyedLock();
  return async (invocation, signal) => {
    const release = await lock.acquire(keyOf(invocation));
    try {
      const outcome = await run(invocation);
      if (signal.aborted) await undo(invocation, outcome, run, log);
      return outcome;
    } finally {
      release();
    }
  };
}

// By plugin too: a plugin of ours may run a foreign one that calls a third of ours for the same container.
function keyOf({ plugin, env }: Invocation): string {
  return `${plugin}\0${env.get("CNI_CONTAINERID") ?? ""}\0${env.get("CNI_IFNAME") ?? ""}`;
}

/** Nobody took the result of this ADD: nobody will ask for its DEL either. */
async function undo(invocation: Invocation, outcome: Outcome, run: Run, log: (line: string) => void): Promise<void> {
  if (invocation.env.get("CNI_COMMAND") !== "ADD" || outcome.exitCode !== 0) return;
  const env = new Map(invocation.env).set("CNI_COMMAND", "DEL");
  const { exitCode, stdout } = await run({ ...invocation, env });
  const what = `${invocation.plugin} ADD of ${env.get("CNI_CONTAINERID")}: the caller is gone`;
  log(exitCode === 0 ? `${what}, undone` : `${what}, and undoing it failed: ${stdout}`);
}
