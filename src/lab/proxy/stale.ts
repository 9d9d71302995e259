// What the kernel still remembers of targets that a service no longer has.

import type { Family, Ip } from "#net/ip.ts";
import { familyOf } from "#net/ip.ts";
import type { Frontend, Verdict } from "./frontend.ts";

/** Packets of one place that still go to one address. */
export type Stale = {
  readonly family: Family;
  readonly protocol: Frontend["protocol"];
  readonly address: Ip;
  readonly port: number;
  /** Who answers: a target that is gone, or the place's own address, for packets from before it had any target. */
  readonly answers: Ip;
};

/**
 * Of a service that changed: each place with each target that it lost. Datagrams have no connection that ends by itself, so a client
 * that keeps its port would go on talking to nobody.
 */
export function staleOf(before: readonly Frontend[], after: readonly Frontend[]): readonly Stale[] {
  const now = new Map(after.map((frontend) => [placeOf(frontend), frontend]));
  const old = new Map(before.map((frontend) => [placeOf(frontend), frontend]));
  const lost = before.flatMap((frontend) => {
    const kept = addressesOf(now.get(placeOf(frontend)));
    return [...addressesOf(frontend)]
      .filter((address) => !kept.has(address))
      .map((address) => stale(frontend, address));
  });
  const begun = after
    .filter((frontend) => addressesOf(frontend).size > 0 && addressesOf(old.get(placeOf(frontend))).size === 0)
    .map((frontend) => stale(frontend, frontend.address));
  return [...lost, ...begun];
}

function stale({ address, protocol, port }: Frontend, answers: Ip): Stale {
  return { family: familyOf(address), protocol, address, port, answers };
}

function placeOf({ address, protocol, port }: Frontend): string {
  return `${address} ${protocol} ${port}`;
}

function addressesOf(frontend: Frontend | undefined): ReadonlySet<Ip> {
  const all: readonly (Verdict | undefined)[] = [frontend?.verdict, frontend?.outside];
  return new Set(all.flatMap((each) => (typeof each === "object" ? each.map(({ address }) => address) : [])));
}

/** `udp 10.96.0.10 port 53 answered by 10.244.1.7` */
export function showStale({ protocol, address, port, answers }: Stale): string {
  return `${protocol} ${address} port ${port} answered by ${answers}`;
}
