// How a node's pods reach the addresses of services, where its agent does not see to it: by the lab's own proxy.
//
//   API ──services, slices──► cluster view ──► service proxy ──► nftables

import type { ClusterView } from "#lab/cluster-view.ts";
import { podBlock, serviceBlock } from "#lab/fabric/addresses.ts";
import type { NodeConfig } from "#lab/node-config.ts";
import { enableBridgeFilter } from "#lab/proxy/bridge-filter.ts";
import { startServiceProxy } from "#lab/proxy/service-proxy.ts";
import { labProxyName } from "#lab/spec.ts";
import { ip } from "#net/ip.ts";

export type NodeServicesOptions = {
  readonly view: ClusterView;
  readonly config: NodeConfig;
  readonly log: (line: string) => void;
};

/** A node's link to the other stations. */
const uplink = "eth0";

/** Runs until it is disposed; services go on without it. @throws KernelError */
export function startNodeServices({ view, config, log }: NodeServicesOptions): Disposable {
  const stack = new DisposableStack();
  if (config.services === "agent") return stack;
  const bridged = enableBridgeFilter() ? {} : { bridgedBehind: uplink };
  const side = {
    ...bridged,
    // Where somebody else is to serve services, they need names until then: the one of cluster DNS is ours.
    ...(config.services === "none" ? { proxyName: labProxyName } : {}),
    ...{ node: config.node, addresses: config.addresses.map(ip) },
    ...{ podBlocks: podBlock, serviceBlocks: serviceBlock },
  };
  stack.use(startServiceProxy({ view, side, log }));
  return stack;
}
