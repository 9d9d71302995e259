// Under which of its own addresses a node speaks to its pods: left to itself, the kernel takes the first one that it finds on any link.

import { addressOf } from "#net/cidr.ts";
import { type Family, familyOf, type Ip } from "#net/ip.ts";
import { listAddresses } from "#netlink/address.ts";
import type { Connection } from "#netlink/connection.ts";

/** A family is absent where the node has no such address now: the kernel refuses a source that is not its own. */
export type Sources = { readonly [F in Family]?: Ip };

/** The first of each family among `own` that a link has. @throws KernelError */
export function readSources(connection: Connection, own: readonly Ip[]): Sources {
  const there = new Set(listAddresses(connection).map(({ address }) => addressOf(address)));
  const sources: { [F in Family]?: Ip } = {};
  for (const address of own) if (there.has(address)) sources[familyOf(address)] ??= address;
  return sources;
}

/** Whether pods see the node under the same addresses. */
export function sameSources(a: Sources, b: Sources): boolean {
  return a.ipv4 === b.ipv4 && a.ipv6 === b.ipv6;
}
