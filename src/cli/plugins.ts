// `twill plugins`: serves the standard plugins to the shim, until it is told to stop.

import { parseArgs } from "node:util";
import { defaultTiming } from "#plugins/dhcp/backoff.ts";
import { LeaseKeeper } from "#plugins/dhcp/lease-keeper.ts";
import { recordsOfService } from "#plugins/dhcp/plugin.ts";
import { ownDelegates } from "#plugins/dispatch.ts";
import { defaultRunDir, type Host, OpenHost } from "#plugins/host.ts";
import { SweepingRemover } from "#plugins/link-remover.ts";
import { pluginHandler } from "#plugins/service/handler.ts";
import { ownNamespaces } from "#plugins/service/identity.ts";
import { servePlugins } from "#plugins/service/server.ts";

export const pluginsHelp = `twill plugins [--socket PATH] [--run-dir DIR]

Serves the standard CNI plugins to their shims on a unix socket.

  --socket PATH   where to listen ($TWILL_PLUGINS_SOCKET, else /run/twill/plugins.sock)
  --run-dir DIR   folder for records that a reboot may forget ($TWILL_RUN_DIR, else ${defaultRunDir})
`;

/** A container runtime gives up after a few minutes: a pod without a DHCP server is told well before. */
const dhcpTiming = { ...defaultTiming, totalMs: 60_000 };
/** Time for running calls to end after SIGTERM. */
const graceMs = 10_000;

export type PluginsIo = { readonly log: (line: string) => void };

/** Returns the exit code once SIGTERM or SIGINT came and running calls have ended. */
export async function runPlugins(
  args: readonly string[],
  env: ReadonlyMap<string, string>,
  io: PluginsIo,
): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { socket: { type: "string" }, "run-dir": { type: "string" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help === true) {
    io.log(pluginsHelp);
    return 0;
  }
  const path = values.socket ?? env.get("TWILL_PLUGINS_SOCKET") ?? "/run/twill/plugins.sock";
  const runDir = values["run-dir"] ?? env.get("TWILL_RUN_DIR") ?? defaultRunDir;
  const clock = { now: () => Date.now(), sleep: (ms: number) => Bun.sleep(ms) };
  const random = (bytes: Uint8Array) => crypto.getRandomValues(bytes);
  const dir = recordsOfService(runDir);
  using leases = new LeaseKeeper({ ...clock, random, dir, log: io.log, timing: dhcpTiming });
  using remover = new SweepingRemover((run, ms) => {
    setTimeout(run, ms);
  });
  using host: OpenHost = new OpenHost({
    ...clock,
    runDir,
    leases,
    random,
    delegates: ownDelegates((): Host => host),
    remover,
  });
  // What a killed predecessor had marked.
  remover.sweep(undefined);
  const handle = pluginHandler(host, io.log);
  await using service = await servePlugins({ path, handle, identity: ownNamespaces(), log: io.log });
  // Only now: a second service that finds the socket taken must not renew the first one's leases.
  leases.start();
  io.log(`serving CNI plugins on ${path}`);
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
  });
  await service.stop(graceMs);
  return 0;
}
