// Whether a service lets somebody ask its balancer's addresses.

import { type Cidr, contains, familyOfCidr } from "#net/cidr.ts";
import { familyOf, type Ip } from "#net/ip.ts";
import { formatParty, type Party } from "./party.ts";
import { formatOrigin } from "./rule.ts";
import type { ServiceEntry } from "./service-entry.ts";

export type Admission = {
  readonly allowed: boolean;
  /** The field that says so: `Service shop/web spec.loadBalancerSourceRanges`. */
  readonly by: string;
  /** `203.0.113.1 is not in 192.0.2.0/24 or 10.244.0.0/16` */
  readonly why: string;
};

const few = 4;

/**
 * What the source ranges of a service say of a client that asks one of its addresses; undefined where they say nothing: of its own and
 * its external addresses, or where the client has no address of the family.
 */
export function admissionTo(service: ServiceEntry, address: Ip, client: Party): Admission | undefined {
  const { sourceRanges, namespace, name } = service;
  if (sourceRanges === undefined || !service.balancerAddresses.includes(address)) return undefined;
  const by = formatOrigin({ kind: "Service", namespace, name, path: "spec.loadBalancerSourceRanges" });
  const ranges = sourceRanges.filter((block) => familyOfCidr(block) === familyOf(address));
  if (ranges.length === 0) return { allowed: false, by, why: `it admits nobody of ${address}'s family` };
  const named = formatRanges(ranges);
  if (client.addresses.length === 0)
    return { allowed: false, by, why: `${formatParty(client)} has no address that could be in ${named}` };
  // A node asks from the first of its addresses.
  const own = client.addresses.find((each) => familyOf(each) === familyOf(address));
  if (own === undefined) return undefined;
  const range = ranges.find((block) => contains(block, own));
  if (range === undefined) return { allowed: false, by, why: `${own} is not in ${named}` };
  return { allowed: true, by, why: `${own} is in ${range}` };
}

function formatRanges(ranges: readonly Cidr[]): string {
  const more = ranges.length - few;
  return more <= 0 ? ranges.join(" or ") : `${ranges.slice(0, few).join(" or ")} or ${more} more`;
}
