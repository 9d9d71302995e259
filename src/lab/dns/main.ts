// Cluster DNS as a pod: names of the cluster as its API server has them, all others from the servers that its node asks.
//
//   API ──services, slices, namespaces──► cluster view ─► answers ─► port 53
//                                                            └──► names of others ─► the node's own name server
//   kubelet ──► ports 8080 (health) and 8181 (ready); Prometheus ──► port 9153

import type { Packet } from "dns-packet";
import { messageOf } from "#base/error-message.ts";
import { Metrics } from "#base/metrics.ts";
import { KubeClient } from "#kube/client.ts";
import { type Cluster, httpTransport } from "#kube/http-transport.ts";
import type { Pace } from "#kube/reflect.ts";
import { ClusterView } from "#lab/cluster-view.ts";
import { clusterDomain } from "#lab/fabric/addresses.ts";
import { answerQuery } from "./answer.ts";
import { namesOf } from "./cluster-names.ts";
import { dnsPorts } from "./ports.ts";
import { DnsServer } from "./server.ts";
import { upstreamAt } from "./upstream.ts";

export type ClusterDnsHost = {
  readonly cluster: Cluster;
  /** Who answers for names outside of the cluster; undefined: nobody. */
  readonly nameserver: string | undefined;
  readonly pace: Pace;
  readonly log: (line: string) => void;
  /** Resolves when the process is told to stop. */
  readonly stopped: Promise<void>;
};

/** Every address of the pod, for both families. */
const anywhere = "::";
/** Nodes hear a moment later that a pod is about to end: until then they go on to ask it. */
const lingerMs = 500;

/** Answers from the moment when the cluster has been seen: before that, every name would be missing. Runs until it is told to stop. */
export async function runClusterDns({ cluster, nameserver, pace, log, stopped }: ClusterDnsHost): Promise<void> {
  const client = new KubeClient(httpTransport(cluster), "coredns");
  const failed = (error: unknown) => log(`Cannot follow the cluster: ${messageOf(error)}`);
  using view = new ClusterView({ client, pace, failed });
  const names = namesOf(view, clusterDomain);
  const upstream =
    nameserver === undefined
      ? async () => undefined
      : upstreamAt({ address: nameserver, port: dnsPorts.dns, randomId: () => Math.floor(pace.random() * 0x1_0000) });
  const counts = new ResponseCounts();
  const state = { isReady: false };
  using _ = serveHealth(state, counts);
  await view.synced;
  await using _server = await DnsServer.listen(anywhere, dnsPorts.dns, async (query) =>
    counts.note(await answerQuery(query, names, upstream)),
  );
  state.isReady = true;
  log(`answering for ${clusterDomain}, ${nameserver ?? "nobody"} for all else`);
  await stopped;
  await pace.sleep(lingerMs, new AbortController().signal);
}

const rcodeMask = 0xf;
/** As RFC 1035 numbers them (section 4.1.1). */
const rcodeNames: readonly string[] = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"];

class ResponseCounts {
  readonly metrics = new Metrics();
  readonly #counts = new Map<string, number>();

  constructor() {
    this.metrics.counter("coredns_dns_responses_total", "Responses by their code.", () =>
      [...this.#counts].map(([rcode, value]) => ({ labels: { rcode }, value })),
    );
  }

  note(reply: Packet): Packet {
    const code = (reply.flags ?? 0) & rcodeMask;
    const name = rcodeNames[code] ?? String(code);
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
    return reply;
  }
}

/** What probes and Prometheus ask, at the ports where CoreDNS has it. */
function serveHealth(state: { readonly isReady: boolean }, { metrics }: ResponseCounts): Disposable {
  const stack = new DisposableStack();
  const serve = (port: number, path: string, answer: () => Response) => {
    const server = Bun.serve({
      ...{ hostname: anywhere, port },
      fetch: ({ url }) => (new URL(url).pathname === path ? answer() : new Response("", { status: 404 })),
    });
    stack.defer(() => void server.stop(true));
  };
  serve(dnsPorts.health, "/health", () => new Response("OK"));
  serve(dnsPorts.ready, "/ready", () => new Response(state.isReady ? "OK" : "", { status: state.isReady ? 200 : 503 }));
  serve(dnsPorts.metrics, "/metrics", () => new Response(metrics.format()));
  return stack;
}
