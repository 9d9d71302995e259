// What the service proxy knows of its own node and cluster, beside the services themselves.

import type { Cidr } from "#net/cidr.ts";
import type { Family, Ip } from "#net/ip.ts";

export type NodeSide = {
  /** As endpoints name it. */
  readonly node: string;
  /** Where node ports are open. */
  readonly addresses: readonly Ip[];
  /** Addresses of services that the node answers itself, such as cluster DNS: they are left alone. */
  readonly answered: ReadonlySet<Ip>;
  /** Sources inside the cluster, and all addresses of services. */
  readonly podBlocks: Readonly<Record<Family, Cidr>>;
  readonly serviceBlocks: Readonly<Record<Family, Cidr>>;
};
