// DHCPv4 and DHCPv6 behind one face: a lease asked for, extended, given back, whichever protocol it is of.

import { addressOf } from "#net/cidr.ts";
import type { Family, Ip } from "#net/ip.ts";
import type { Timing } from "./backoff.ts";
import { acquireLease, extendLease, releaseLease, type Surroundings } from "./exchange.ts";
import type { Lease } from "./lease.ts";
import type { LeaseId, Terms } from "./terms.ts";
import { acquireLease6, extendLease6, releaseLease6 } from "./v6/exchange.ts";
import type { Lease6 } from "./v6/lease.ts";
import type { Terms6 } from "./v6/terms.ts";
import { Wire6 } from "./v6/wire.ts";
import { type Place, Wire } from "./wire.ts";

/** What to ask for, and where. */
export type Order = Order4 | Order6;
type Order4 = Wish<"ipv4", Terms>;
type Order6 = Wish<"ipv6", Terms6>;
type Wish<F extends Family, T> = {
  readonly family: F;
  readonly id: LeaseId;
  readonly place: Place;
  readonly terms: T;
};

/** A lease, whose it is, and what renewing and releasing it takes. */
export type LeaseRecord = LeaseRecord4 | LeaseRecord6;
export type LeaseRecord4 = Kept<Order4, Lease>;
export type LeaseRecord6 = Kept<Order6, Lease6>;
type Kept<O, L> = O & { readonly place: Required<Place>; readonly lease: L };

/** @throws NoLease; InterfaceGone, NetnsError or KernelError when the interface cannot be used. */
export async function acquire(order: Order, timing: Timing, around: Surroundings, wanted?: Ip): Promise<LeaseRecord> {
  if (order.family === "ipv6") {
    using wire = new Wire6(order.place);
    const lease = await acquireLease6(wire, order.terms, timing, around, wanted);
    return { ...order, place: { ...order.place, mac: wire.mac }, lease };
  }
  using wire = new Wire(order.place);
  const terms = { ...order.terms, broadcast: order.terms.broadcast || wire.needsBroadcast };
  const lease = await acquireLease(wire, terms, timing, around, wanted);
  return { ...order, place: { ...order.place, mac: wire.mac }, terms, lease };
}

/** More time: from the lease's server while `renewing`, from any while `rebinding`. @throws as `acquire` */
export async function extend(
  record: LeaseRecord,
  state: "renewing" | "rebinding",
  timing: Timing,
  around: Surroundings,
): Promise<LeaseRecord> {
  if (record.family === "ipv6") {
    using wire = new Wire6(record.place);
    return { ...record, lease: await extendLease6(wire, record.lease, state, record.terms, around) };
  }
  using wire = new Wire(record.place);
  return { ...record, lease: await extendLease(wire, record.lease, state, record.terms, timing, around) };
}

/** Tells the server; waits for nothing. @throws InterfaceGone, NetnsError or KernelError when nothing can be said. */
export function release(record: LeaseRecord, around: Surroundings): void {
  if (record.family === "ipv6") {
    using wire = new Wire6(record.place);
    releaseLease6(wire, record.lease, record.terms, around);
  } else {
    using wire = new Wire(record.place);
    releaseLease(wire, record.lease, record.terms, around);
  }
}

export function addressIn({ lease }: LeaseRecord): Ip {
  return addressOf(lease.address);
}
