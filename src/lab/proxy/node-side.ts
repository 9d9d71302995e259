// What the service proxy knows of its own node and cluster, beside the services themselves.

import type { Cidr } from "#net/cidr.ts";
import type { Family, Ip } from "#net/ip.ts";

export type NodeSide = {
  /** As endpoints name it. */
  readonly node: string;
  /** Which services are its own: those whose label names it so; absent: those that name nobody. */
  readonly proxyName?: string;
  /** Where node ports are open. */
  readonly addresses: readonly Ip[];
  /**
   * The node's link to the others, where the answers of pods that share a bridge go around the node: those of its own pods must be
   * called by the node itself then, or their answers would come from an address that nobody called. Undefined where they do not.
   */
  readonly bridgedBehind?: string;
  /** Sources inside the cluster, and all addresses of services. */
  readonly podBlocks: Readonly<Record<Family, Cidr>>;
  readonly serviceBlocks: Readonly<Record<Family, Cidr>>;
};
