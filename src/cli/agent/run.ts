// `twill agent`: makes the network of this node's pods, until it is told to stop.

import { hostname } from "node:os";
import { removeConflist } from "#agent/cni/conflist.ts";
import { type AgentConfig, defaultConfig, readConfig } from "#agent/config/config.ts";
import { Agent } from "#agent/main.ts";
import { releaseReservedPorts } from "#agent/service/leave.ts";
import { serveApi, serveHealth } from "#api/serve.ts";
import type { CommandIo } from "#cli/command.ts";
import { pace } from "#cli/pace.ts";
import { ServiceHost } from "#cli/service-host.ts";
import { untilStopped } from "#cli/stop-signal.ts";
import { timedLog } from "#cli/timed-log.ts";
import { KubeClient } from "#kube/client.ts";
import { findCluster } from "#kube/find-cluster.ts";
import { httpTransport } from "#kube/http-transport.ts";
import { loadAllPlugins } from "#plugins/registry.ts";
import { ownNamespaces } from "#plugins/service/identity.ts";
import { claimSocketPath, SocketPathError } from "#plugins/service/socket-path.ts";

type AgentCall = {
  readonly flags: {
    readonly config: string | undefined;
    readonly node: string | undefined;
    readonly kubeconfig: string | undefined;
    readonly socket: string;
    readonly "run-dir": string;
    readonly "api-socket": string;
    readonly uninstall: boolean;
  };
};

/** Returns the exit code once SIGTERM or SIGINT came. Pods keep their network. */
export async function runAgent({ flags }: AgentCall, io: CommandIo): Promise<number> {
  const { socket, "run-dir": runDir } = flags;
  const log = timedLog(io.stderr);
  const config = flags.config === undefined ? defaultConfig : readConfig(flags.config);
  if (flags.uninstall) {
    await uninstall(config, socket);
    return 0;
  }
  const nodeName = flags.node ?? hostname().toLowerCase();
  const client = new KubeClient(httpTransport(findCluster(flags.kubeconfig, io.env)), "twill-agent");
  using service = new ServiceHost(runDir, log);
  const { host, leases } = service;
  await using agent = await Agent.start({
    ...{ config, nodeName, client, host, socket, pace, log },
    identity: ownNamespaces(),
  });
  leases.start();
  await using _api = await serveApi(agent, flags["api-socket"]);
  using _health = serveHealth(agent, config.health.port);
  log(`serving node ${nodeName} on ${socket}`);
  await loadAllPlugins(() => new Promise((resolve) => setImmediate(resolve)));
  await untilStopped();
  return 0;
}

/** An agent that runs would put all of it back. @throws Error saying so */
async function uninstall(config: AgentConfig, socket: string): Promise<void> {
  using _ = await claimSocketPath(socket).catch((cause: unknown) => {
    if (!(cause instanceof SocketPathError)) throw cause;
    throw new Error(`Cannot uninstall: ${cause.reason === "in-use" ? "an agent runs, stop it first" : cause.message}`, {
      cause,
    });
  });
  removeConflist(config.cni);
  releaseReservedPorts({ netns: undefined });
}
