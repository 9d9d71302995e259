// What a service, or a pod with ports of the host, should have on this node, and what of it cannot be.

import { type Frontend, frontendsOf, type NodeSide } from "#model/service/frontend.ts";
import { type HostPort, hostPortFrontends, isPodOwner } from "#model/service/host-port.ts";
import type { ServiceModel } from "#model/service/service.ts";
import type { SliceModel } from "#model/service/slice.ts";
import type { Ip } from "#net/ip.ts";
import type { AddressBook } from "./address-book.ts";

export type ServiceSide = NodeSide & {
  /** Undefined: an endpoint's node cannot answer clients by itself. Else what clients may have asked: other nodes hand on what they got. */
  readonly directReturn: { readonly otherNodes: readonly Ip[] } | undefined;
};

export type Want = {
  readonly frontends: readonly Frontend[];
  /** Addresses of which all else is refused. */
  readonly refusals: readonly Ip[];
  /** A sentence each. */
  readonly faults: readonly string[];
};

export const wantNothing: Want = { frontends: [], refusals: [], faults: [] };

/** Endpoints may be anywhere; addresses that clients ask must not be those of nodes and pods. */
export function wantService(
  service: ServiceModel,
  slices: readonly SliceModel[],
  side: ServiceSide,
  book: AddressBook,
): Want {
  const faults = [...service.faults];
  const refused = new Set<Ip>();
  const own = [service.addresses, service.externalAddresses, service.balancerAddresses];
  for (const address of own.flat()) {
    const owner = book.ownerOf(address);
    // A node's address may serve as an outer one: only the port is the service's then.
    if (owner === undefined || (owner.kind === "node" && !service.addresses.includes(address))) continue;
    refused.add(address);
    faults.push(`Service ${service.name} is not served at ${address}: that is ${owner.text}`);
  }
  if (service.directReturn && side.directReturn === undefined) {
    faults.push(`Service ${service.name} asks to be answered directly, which needs fabric.mode direct: it is not`);
  }
  const otherNodes = (service.directReturn && side.directReturn?.otherNodes) || [];
  const directReturn = service.directReturn && side.directReturn !== undefined;
  // The node that is asked and the one that answers choose each for itself: by chance they would hand packets back and forth.
  const model = { ...service, directReturn, balance: directReturn ? ("maglev" as const) : service.balance };
  const ends = { ...side, portAddresses: [...side.portAddresses, ...otherNodes] };
  const frontends = frontendsOf(model, slices, ends).filter(({ address }) => !refused.has(address));
  faults.push(...movedSctp(`Service ${service.name}`, frontends));
  const whole = frontends.filter(
    ({ kind, address }) => kind === "cluster" || (kind === "balancer" && book.ownerOf(address) === undefined),
  );
  return { frontends, refusals: [...new Set(whole.map(({ address }) => address))], faults };
}

/** Its checksum is over its ports as well: the packet path drops what would get another one. */
function movedSctp(owner: string, frontends: readonly Frontend[]): readonly string[] {
  const moved = frontends.flatMap(({ protocol, port, inside, outside }) => {
    const other = [...inside.targets, ...outside.targets].find((target) => target.port !== port);
    return protocol !== "sctp" || other === undefined ? [] : [`port ${port} to port ${other.port}`];
  });
  return [...new Set(moved)].map(
    (way) => `${owner} is not served by SCTP from ${way}: SCTP keeps its ports, give both the same number`,
  );
}

/** A pod's ports of the host. */
export type HostPorts = {
  /** `pod shop/web-1` */
  readonly owner: string;
  readonly ports: readonly HostPort[];
  readonly addresses: readonly Ip[];
};

export function wantHostPorts({ owner, ports, addresses }: HostPorts, side: ServiceSide): Want {
  const frontends = hostPortFrontends(owner, ports, addresses, side);
  return { frontends, refusals: [], faults: movedSctp(`P${owner.slice(1)}`, frontends) };
}

/** The older one first; times have whole seconds, and in the same one a service comes before a pod. */
export function rankOf(createdMs: number, owner: string): string {
  const age = Number.isNaN(createdMs) ? "" : new Date(createdMs).toISOString();
  return `${age} ${isPodOwner(owner) ? "pod" : "a service"} ${owner}`;
}
