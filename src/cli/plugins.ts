// `twill plugins`: serves the standard plugins to the shim, until it is told to stop.

import { parseArgs } from "node:util";
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
  using remover = new SweepingRemover((run, ms) => {
    setTimeout(run, ms);
  });
  using host: OpenHost = new OpenHost({
    runDir: values["run-dir"] ?? env.get("TWILL_RUN_DIR") ?? defaultRunDir,
    delegates: ownDelegates((): Host => host),
    remover,
    random: (bytes) => crypto.getRandomValues(bytes),
    now: () => Date.now(),
    sleep: (ms) => Bun.sleep(ms),
  });
  // What a killed predecessor had marked.
  remover.sweep(undefined);
  const handle = pluginHandler(host, io.log);
  await using service = await servePlugins({ path, handle, identity: ownNamespaces(), log: io.log });
  io.log(`serving CNI plugins on ${path}`);
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
  });
  await service.stop(graceMs);
  return 0;
}
