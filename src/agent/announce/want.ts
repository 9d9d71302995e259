// Which node tells the link that it has a balancer's address: one for each address, the same in the eyes of all nodes.

import type { NodeModel } from "#model/node.ts";
import type { ServiceModel } from "#model/service/service.ts";
import type { SliceModel } from "#model/service/slice.ts";
import type { Ip } from "#net/ip.ts";

/** Kubernetes API, "Well-Known Labels": such a node takes no clients from outside. */
const excludeLabel = "node.kubernetes.io/exclude-from-external-load-balancers";

export type Balanced = Pick<ServiceModel, "balancerAddresses" | "externalLocal">;

/** A service that has an address, perhaps with others. */
export type AddressUse = { readonly service: Balanced; readonly slices: readonly SliceModel[] };

type Candidate = Pick<NodeModel, "name" | "labels" | "ready" | "leaving">;

/** Who answers for each address that `isOpen`; undefined: nobody can. */
export function announcersOf(
  uses: readonly AddressUse[],
  nodes: readonly Candidate[],
  isOpen: (address: Ip) => boolean,
): ReadonlyMap<Ip, string | undefined> {
  const usesOf = new Map<Ip, AddressUse[]>();
  for (const use of uses) {
    for (const address of new Set(use.service.balancerAddresses)) {
      const known = usesOf.get(address);
      if (known !== undefined) known.push(use);
      else if (isOpen(address)) usesOf.set(address, [use]);
    }
  }
  return new Map([...usesOf].map(([address, all]) => [address, announcerOf(address, all, nodes)]));
}

/**
 * The node for an address: of those that are well, the one whose name and the address make the highest number (rendezvous hashing).
 * When a node fails, only its addresses move. With externalTrafficPolicy Local only nodes with an endpoint of their own can, of every
 * service that wants it so. Undefined: nobody can.
 */
export function announcerOf(address: Ip, uses: readonly AddressUse[], nodes: readonly Candidate[]): string | undefined {
  const homes = uses.flatMap(({ service, slices }) => (service.externalLocal ? [new Set(homesOf(slices))] : []));
  let best: { readonly name: string; readonly score: number } | undefined;
  for (const { name, labels, ready, leaving } of nodes) {
    if (!ready || leaving || excludeLabel in labels || homes.some((home) => !home.has(name))) continue;
    const score = Bun.hash.xxHash32(`${address} ${name}`);
    if (best === undefined || score > best.score || (score === best.score && name < best.name)) best = { name, score };
  }
  return best?.name;
}

/** Nodes with endpoints that take new connections: the ready ones, or where there are none, those that end. */
function homesOf(slices: readonly SliceModel[]): readonly string[] {
  const all = slices.flatMap(({ endpoints }) => endpoints);
  const ready = all.filter(({ state }) => state === "ready");
  return (ready.length > 0 ? ready : all).map(({ node }) => node);
}
