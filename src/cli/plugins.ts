// `twill plugins`: serves the standard plugins to the shim, until it is told to stop.

import { defaultTiming } from "#plugins/dhcp/backoff.ts";
import { LeaseKeeper } from "#plugins/dhcp/lease-keeper.ts";
import { recordsOfService } from "#plugins/dhcp/plugin.ts";
import { ownDelegates } from "#plugins/dispatch.ts";
import { type Host, OpenHost } from "#plugins/host.ts";
import { SweepingRemover } from "#plugins/link-remover.ts";
import { loadAllPlugins } from "#plugins/registry.ts";
import { pluginHandler } from "#plugins/service/handler.ts";
import { ownNamespaces } from "#plugins/service/identity.ts";
import { servePlugins } from "#plugins/service/server.ts";
import type { CommandIo } from "./command.ts";

/** A container runtime gives up after a few minutes: a pod without a DHCP server is told well before. */
const dhcpTiming = { ...defaultTiming, totalMs: 60_000 };
/** Time for running calls to end after SIGTERM. */
const graceMs = 10_000;

type PluginsCall = { readonly flags: { readonly socket: string; readonly "run-dir": string } };

/** Returns the exit code once SIGTERM or SIGINT came and running calls have ended. */
export async function runPlugins({ flags }: PluginsCall, io: CommandIo): Promise<number> {
  const { socket: path, "run-dir": runDir } = flags;
  const log = (line: string) => io.stderr(`${line}\n`);
  const clock = { now: () => Date.now(), sleep: (ms: number) => Bun.sleep(ms) };
  const random = (bytes: Uint8Array) => crypto.getRandomValues(bytes);
  const dir = recordsOfService(runDir);
  using leases = new LeaseKeeper({ ...clock, random, dir, log, timing: dhcpTiming });
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
  const handle = pluginHandler(host, log);
  await using service = await servePlugins({ path, handle, identity: ownNamespaces(), log });
  // Only now: a second service that finds the socket taken must not renew the first one's leases.
  leases.start();
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
  });
  log(`serving CNI plugins on ${path}`);
  await loadAllPlugins(() => new Promise((resolve) => setImmediate(resolve)));
  await stopped;
  await service.stop(graceMs);
  return 0;
}
