// `twill plugins`: serves the standard plugins to the shim, until it is told to stop.

import { dispatch } from "#plugins/dispatch.ts";
import { loadAllPlugins } from "#plugins/registry.ts";
import type { Admits } from "#plugins/service/connection.ts";
import { pluginHandler } from "#plugins/service/handler.ts";
import { ownNamespaces, sameNamespaces } from "#plugins/service/identity.ts";
import { servePlugins } from "#plugins/service/server.ts";
import type { CommandIo } from "./command.ts";
import { ServiceHost } from "./service-host.ts";
import { untilStopped } from "./stop-signal.ts";

/** Time for running calls to end after SIGTERM. */
const graceMs = 10_000;

type PluginsCall = { readonly flags: { readonly socket: string; readonly "run-dir": string } };

/** Returns the exit code once SIGTERM or SIGINT came and running calls have ended. */
export async function runPlugins({ flags }: PluginsCall, io: CommandIo): Promise<number> {
  const { socket: path, "run-dir": runDir } = flags;
  const log = (line: string) => io.stderr(`${line}\n`);
  using service = new ServiceHost(runDir, log);
  const handle = pluginHandler((invocation) => dispatch(invocation, service.host), log);
  const identity = ownNamespaces();
  // Type `twill` is the agent's: its shim answers for an agent that does not run.
  const admits: Admits = (plugin, caller) => plugin !== "twill" && sameNamespaces(caller, identity);
  await using server = await servePlugins({ path, handle, identity, admits, log });
  service.leases.start();
  const stopped = untilStopped();
  log(`serving CNI plugins on ${path}`);
  await loadAllPlugins(() => new Promise((resolve) => setImmediate(resolve)));
  await stopped;
  await server.stop(graceMs);
  return 0;
}
