// What a node offers its pods beside their containers: cluster DNS and the addresses of services.
//
//   API ──services, slices, namespaces──► cluster view ─┬─► DNS on 10.96.0.10, names of others ─► internet
//                                                       └─► service proxy ─► nftables

import type { ClusterView } from "#lab/cluster-view.ts";
import { startNodeDns } from "#lab/dns/node-dns.ts";
import { upstreamAt } from "#lab/dns/upstream.ts";
import { internetAddress, podBlock, serviceBlock } from "#lab/fabric/addresses.ts";
import type { NodeConfig } from "#lab/node-config.ts";
import { enableBridgeFilter } from "#lab/proxy/bridge-filter.ts";
import { startServiceProxy } from "#lab/proxy/service-proxy.ts";
import { familiesOf } from "#lab/spec.ts";
import { ip } from "#net/ip.ts";

export type NodeServicesOptions = {
  readonly view: ClusterView;
  readonly config: NodeConfig;
  /** `cluster.local` */
  readonly domain: string;
  /** 0 to 1. */
  readonly random: () => number;
  readonly log: (line: string) => void;
};

const dnsPort = 53;
/** A node's link to the other stations. */
const uplink = "eth0";

/** What runs until it is disposed; `ready` resolves when names are answered. */
export type NodeServices = { readonly running: AsyncDisposable; readonly ready: Promise<void> };

/** Services go on without it, names do not. @throws KernelError */
export function startNodeServices({ view, config, domain, random, log }: NodeServicesOptions): NodeServices {
  const stack = new AsyncDisposableStack();
  const addresses = config.dns.map(ip);
  const [family = "ipv4"] = familiesOf(config.family);
  const randomId = () => Math.floor(random() * 0x1_0000);
  const upstream = upstreamAt({ address: internetAddress[family], port: dnsPort, randomId });
  const dns = startNodeDns({ view, addresses, domain, upstream, log });
  stack.use(dns.server);
  const bridged = enableBridgeFilter() ? {} : { bridgedBehind: uplink };
  const side = {
    ...bridged,
    ...{ node: config.node, addresses: config.addresses.map(ip) },
    ...{ podBlocks: podBlock, serviceBlocks: serviceBlock },
  };
  if (config.services === "proxy") stack.use(startServiceProxy({ view, side, log }));
  return { running: stack, ready: dns.listening };
}
