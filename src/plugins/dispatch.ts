// From an invocation to the standard plugin of that name, with delegation inside the process where the delegate is ours.

import { statSync } from "node:fs";
import type { DelegateOptions } from "#cni/delegate.ts";
import { CniError, ErrorCode, formatError } from "#cni/error.ts";
import type { Call, Invocation, Outcome } from "#cni/plugin.ts";
import { runDelegated, runPlugin, sameNetns } from "#cni/serve-plugin.ts";
import { newestVersion } from "#cni/version.ts";
import { isErrno } from "#kernel/errno.ts";
import type { Host } from "./host.ts";
import { OwnShims } from "./own-shim.ts";
import { isStandardPlugin, loadPlugin } from "./registry.ts";

/** Runs the standard plugin that the invocation names. Never throws. */
export async function dispatch(invocation: Invocation, host: Host): Promise<Outcome> {
  const name = invocation.plugin;
  if (isStandardPlugin(name)) return await runPlugin(await loadPlugin(name), invocation, host, { checkNetns });
  const error = new CniError(
    ErrorCode.invalidEnvironment,
    `Twill has no plugin "${name}": the executable must be named after a standard plugin, like "bridge"`,
  );
  return { exitCode: 1, stdout: formatError(error, newestVersion), stderr: "" };
}

/** Delegation that stays in the process when the delegate's file is our shim. `host` is asked for at each call. */
export function ownDelegates(host: () => Host): DelegateOptions {
  const shims = new OwnShims();
  return {
    inProcess(file, type) {
      if (!isStandardPlugin(type) || !shims.has(file)) return undefined;
      return async (call) => await runDelegated(await loadPlugin(type), call, host());
    },
  };
}

// The process stays where it was started.
let own: { readonly dev: number; readonly ino: number } | undefined;

/** @throws CniError 8 when CNI_NETNS is the namespace this process runs in. */
function checkNetns(call: Call): void {
  let given: { readonly dev: number; readonly ino: number };
  try {
    given = statSync(call.netns);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return;
    throw error;
  }
  own ??= statSync("/proc/self/ns/net");
  if (given.dev === own.dev && given.ino === own.ino) throw sameNetns(call.netns);
}
