// Cluster DNS of a node: every node answers on the cluster's address itself, so that names work without a service proxy.

import { messageOf } from "#base/error-message.ts";
import type { ClusterView } from "#lab/cluster-view.ts";
import { joinIfAddr } from "#net/cidr.ts";
import { bitsOf, familyOf, type Ip } from "#net/ip.ts";
import { addAddress } from "#netlink/address.ts";
import { Connection } from "#netlink/connection.ts";
import { answerQuery, type Upstream } from "./answer.ts";
import type { ClusterNames } from "./cluster-names.ts";
import { DnsServer } from "./server.ts";

export type NodeDnsOptions = {
  readonly view: ClusterView;
  /** The cluster's addresses for DNS; they become the node's own. */
  readonly addresses: readonly Ip[];
  /** `cluster.local` */
  readonly domain: string;
  readonly upstream: Upstream;
  readonly log: (line: string) => void;
};

const dnsPort = 53;
/** `lo` has it in every network namespace. */
const loopbackIndex = 1;

/** `listening` resolves when names are answered, or when it is known that they will not be. */
export type NodeDns = { readonly server: AsyncDisposable; readonly listening: Promise<void> };

/** Answers from the moment when the cluster has been seen: before that, every name would be missing. @throws KernelError */
export function startNodeDns({ view, addresses, domain, upstream, log }: NodeDnsOptions): NodeDns {
  addToLoopback(addresses);
  const names = clusterNames(view, domain);
  const end = new AsyncDisposableStack();
  const listening = view.synced
    .then(async () => {
      for (const address of addresses) {
        const server = await DnsServer.listen(address, dnsPort, (query) => answerQuery(query, names, upstream));
        if (end.disposed) return await server[Symbol.asyncDispose]();
        end.use(server);
      }
    })
    .catch((error: unknown) => log(`Cannot answer DNS: ${messageOf(error)}`));
  return { server: end, listening };
}

function addToLoopback(addresses: readonly Ip[]): void {
  using route = new Connection("route");
  route.apply(
    addresses.map((address) => {
      const family = familyOf(address);
      const options = { dev: "lo", noDad: family === "ipv6", allow: ["EEXIST"] };
      return addAddress(loopbackIndex, joinIfAddr(address, bitsOf(family)), options);
    }),
  );
}

/** The names of the cluster as the view has it at the moment of each question. */
export function clusterNames(view: ClusterView, domain: string): ClusterNames {
  return {
    domain,
    service: (namespace, name) => view.service(`${namespace}/${name}`),
    slicesOf: ({ metadata: { namespace, name } }) => view.slicesOf(`${namespace}/${name}`),
    hasNamespace: (name) => view.hasNamespace(name),
    servicesAt: (address) => view.servicesAt(address),
  };
}
