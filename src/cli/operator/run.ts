// `twill operator`: leads or waits, until it is told to stop.

import { hostname } from "node:os";
import { serveHealthPort } from "#api/health-port.ts";
import type { CommandIo } from "#cli/command.ts";
import { pace } from "#cli/pace.ts";
import { untilStopped } from "#cli/stop-signal.ts";
import { timedLog } from "#cli/timed-log.ts";
import { KubeClient } from "#kube/client.ts";
import { findCluster } from "#kube/find-cluster.ts";
import { httpTransport } from "#kube/http-transport.ts";
import { readBalancerPools } from "#operator/balancer-pools.ts";
import { readBlockPools } from "#operator/block-pools.ts";
import { runOperator } from "#operator/operator.ts";

type OperatorCall = {
  readonly flags: {
    readonly "cluster-cidr": readonly string[];
    readonly "load-balancer-pool": readonly string[];
    readonly "node-cidr-mask-size-ipv4": number;
    readonly "node-cidr-mask-size-ipv6": number;
    readonly kubeconfig: string | undefined;
    readonly namespace: string;
    readonly "health-port": number;
  };
};

/** Returns the exit code once SIGTERM or SIGINT came; its Lease is given back then. */
export async function runOperatorCommand({ flags }: OperatorCall, io: CommandIo): Promise<number> {
  const { "cluster-cidr": ranges, kubeconfig, namespace, "health-port": healthPort } = flags;
  const lengths = { ipv4: flags["node-cidr-mask-size-ipv4"], ipv6: flags["node-cidr-mask-size-ipv6"] };
  const pools = readBlockPools(ranges, lengths);
  const balancerPools = readBalancerPools(
    flags["load-balancer-pool"],
    pools.map(({ range }) => range),
  );
  const client = new KubeClient(httpTransport(findCluster(kubeconfig, io.env)), "twill-operator");
  using _health = healthPort === 0 ? undefined : serveHealth(healthPort);
  const end = new AbortController();
  const running = runOperator(
    {
      ...{ client, pace, namespace, pools, balancerPools, nowMs: () => performance.timeOrigin + performance.now() },
      log: timedLog(io.stderr),
      // Several may share a host.
      identity: `${hostname()}_${crypto.randomUUID()}`,
    },
    end.signal,
  );
  await Promise.race([untilStopped(), running]);
  end.abort();
  await running;
  return 0;
}

/** One that waits for leadership is as well as one that leads. @throws HealthPortError */
function serveHealth(port: number): Disposable {
  return serveHealthPort({
    port,
    setting: "--health-port",
    fetch: (request) =>
      // A request of HTTP/1.0 may have no host.
      new URL(request.url, "http://operator").pathname === "/healthz"
        ? new Response("ok\n")
        : new Response("there is /healthz\n", { status: 404 }),
  });
}
