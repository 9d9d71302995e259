// A node of the cluster as Twill sees it, and its translation from the Kubernetes object.

import type { Node } from "#kube/kinds.ts";
import { type Cidr, networkOf, parseIfAddr } from "#net/cidr.ts";
import { type Family, familyOf, type Ip, parseIp } from "#net/ip.ts";

export type NodeModel = {
  readonly name: string;
  /** The node's own, as the others reach it: the first InternalIP of each family. */
  readonly addresses: { readonly [F in Family]?: Ip };
  /** All of its InternalIPs: who speaks from one of them is the node, as policies see it. */
  readonly internal: readonly Ip[];
  /** Where its pods' addresses come from, in the order of `spec.podCIDRs`. */
  readonly blocks: readonly Cidr[];
  readonly labels: Readonly<Record<string, string>>;
  /** Whether its kubelet is well, as the cluster sees it. */
  readonly ready: boolean;
  /** Whether it is about to be removed: no balancer should send it clients any more. */
  readonly leaving: boolean;
};

/** What the cluster autoscaler puts on a node before it removes it. */
const removalTaint = "ToBeDeletedByClusterAutoscaler";

/** Those that are addresses, each once. */
export function internalAddresses(status: Node["status"]): readonly Ip[] {
  const own = (status?.addresses ?? []).filter(({ type }) => type === "InternalIP");
  return [...new Set(own.flatMap(({ address }) => parseIp(address) ?? []))];
}

/** What is no address or no block is left out: one bad entry must not take the others with it. */
export function toNodeModel({ metadata, spec, status }: Node): NodeModel {
  const written = spec?.podCIDRs ?? (spec?.podCIDR === undefined ? [] : [spec.podCIDR]);
  const internal = internalAddresses(status);
  const addresses: { [F in Family]?: Ip } = {};
  for (const address of internal) addresses[familyOf(address)] ??= address;
  return {
    name: metadata.name,
    addresses,
    internal,
    blocks: written
      .map(parseIfAddr)
      .filter((block) => block !== undefined)
      .map(networkOf),
    labels: metadata.labels ?? {},
    ready: (status?.conditions ?? []).some(({ type, status: is }) => type === "Ready" && is === "True"),
    leaving: metadata.deletionTimestamp !== undefined || (spec?.taints ?? []).some(({ key }) => key === removalTaint),
  };
}
