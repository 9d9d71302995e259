// `dhcp daemon`: keeps DHCP leases where no plugin service runs, with the reference daemon's flags.

import { rmSync, writeFileSync } from "node:fs";
import { parseJson } from "#cni/decode.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import { isJsonObject, type JsonObject } from "#cni/json.ts";
import type { Invocation, Outcome } from "#cni/plugin.ts";
import { runPlugin } from "#cni/serve-plugin.ts";
import { defaultTiming } from "#plugins/dhcp/backoff.ts";
import { defaultSocketPath } from "#plugins/dhcp/conf.ts";
import { anyCaller } from "#plugins/dhcp/daemon-client.ts";
import { LeaseKeeper } from "#plugins/dhcp/lease-keeper.ts";
import { dhcp, recordsOfDaemon } from "#plugins/dhcp/plugin.ts";
import { OpenHost } from "#plugins/host.ts";
import { activatedSocket } from "#plugins/service/activation.ts";
import { servePlugins } from "#plugins/service/server.ts";
import { type Flags, parseDuration, parseFlags } from "./go-flags.ts";
import { untilStopped } from "./stop-signal.ts";

const dhcpDaemonHelp = `dhcp daemon [flags]

Keeps DHCP leases for containers whose plugins run stand-alone. "twill plugins" does the same by itself.

  -socketpath PATH      where the plugin asks for leases (${defaultSocketPath}); the leases are in PATH.leases/.
                        A socket passed by systemd (LISTEN_FDS) is used instead, at its own path
  -pidfile PATH         file for the process's number
  -hostprefix PATH      put before the paths of network namespaces
  -broadcast            servers must answer to the broadcast address
  -timeout TIME         longest wait for the answer to one request (10s)
  -resendmax TIME       longest wait before a request is sent again (62s)
  -resendtimeout TIME   longest wait for a lease (208s)
`;

const known = {
  pidfile: "text",
  hostprefix: "text",
  socketpath: "text",
  broadcast: "switch",
  timeout: "text",
  resendmax: "text",
  resendtimeout: "text",
} as const;

const graceMs = 1_000;

/** Returns the exit code once SIGTERM or SIGINT came. The leases stay; the next daemon takes them up. */
export async function runDhcpDaemon(
  args: readonly string[],
  io: { readonly log: (line: string) => void; readonly env: ReadonlyMap<string, string> },
): Promise<number> {
  const flags = parseFlags(args, known);
  if (flags === "help") {
    io.log(dhcpDaemonHelp);
    return 0;
  }
  const activated = activatedSocket(io.env, process.pid);
  const path = activated?.path ?? flags.socketpath ?? defaultSocketPath;
  if (flags.socketpath !== undefined && flags.socketpath !== path) {
    const found = `-socketpath is ${flags.socketpath}, but systemd passes a socket at ${path}`;
    throw new CniError(ErrorCode.invalidEnvironment, `dhcp daemon: ${found}: make them the same`);
  }
  const clock = { now: () => Date.now(), sleep: (ms: number) => Bun.sleep(ms) };
  const random = (bytes: Uint8Array) => crypto.getRandomValues(bytes);
  const options = { broadcast: flags.broadcast ?? false, netnsPrefix: flags.hostprefix ?? "" };
  const timing = timingOf(flags);
  using leases = new LeaseKeeper({ ...clock, ...options, random, dir: recordsOfDaemon(path), log: io.log, timing });
  using host = new OpenHost({ ...clock, random, leases });
  const handle = async (raw: Invocation, signal: AbortSignal): Promise<Outcome> => {
    const invocation = asIpam(raw);
    const outcome = await runPlugin(dhcp, invocation, host);
    // Nobody took the result of this ADD: nobody will ask for its DEL either.
    if (signal.aborted && invocation.env.get("CNI_COMMAND") === "ADD") {
      await runPlugin(dhcp, { ...invocation, env: new Map(invocation.env).set("CNI_COMMAND", "DEL") }, host);
    }
    return outcome;
  };
  await using service = await servePlugins({ path: activated ?? path, handle, identity: anyCaller, log: io.log });
  if (flags.pidfile !== undefined && flags.pidfile !== "") writeFileSync(flags.pidfile, `${process.pid}`);
  leases.start();
  io.log(`keeping DHCP leases for ${path}`);
  await untilStopped();
  await service.stop(graceMs);
  if (flags.pidfile !== undefined && flags.pidfile !== "") rmSync(flags.pidfile, { force: true });
  return 0;
}

function timingOf(flags: Flags<typeof known>) {
  const duration = (flag: string, text: string | undefined, fallback: number) =>
    text === undefined ? fallback : parseDuration(flag, text);
  return {
    answerMs: duration("timeout", flags.timeout, defaultTiming.answerMs),
    resendMaxMs: duration("resendmax", flags.resendmax, defaultTiming.resendMaxMs),
    totalMs: duration("resendtimeout", flags.resendtimeout, defaultTiming.totalMs),
  };
}

/** The caller named this socket in its configuration; here it would lead back to this process. */
function asIpam(invocation: Invocation): Invocation {
  const text = new TextDecoder().decode(invocation.stdin);
  const config = parseJson(text, "the configuration");
  if (!isJsonObject(config) || !isJsonObject(config["ipam"])) return invocation;
  const { daemonSocketPath: _, ...ipam } = config["ipam"] as JsonObject;
  return { ...invocation, stdin: new TextEncoder().encode(JSON.stringify({ ...config, ipam })) };
}
