// What the packet path's maps hold of services, as rows: numbers instead of names.

import { choiceFlags } from "#datapath/service-format.ts";
import type { Frontend } from "#model/service/frontend.ts";
import type { Protocol } from "#model/service/protocol.ts";
import type { Cidr } from "#net/cidr.ts";
import type { Ip } from "#net/ip.ts";

/** IP protocol numbers; 0 with port 0: everything that the address has no other frontend for. */
export const protocolNumbers = { tcp: 6, udp: 17, sctp: 132 } as const satisfies Readonly<Record<Protocol, number>>;

/** One endpoint of one group: a service's port of one family. */
export type BackendRow = {
  readonly number: number;
  readonly group: number;
  readonly address: Ip;
  readonly port: number;
};

/** Slots of a choice, in order. Never changed. */
export type SetRow = {
  readonly number: number;
  readonly group: number;
  readonly backends: readonly BackendRow[];
  readonly maglev: boolean;
};

export type ChoiceRow = { readonly set: number; readonly count: number; readonly flags: number };

export type FrontendRow = {
  readonly address: Ip;
  readonly port: number;
  readonly protocol: number;
  readonly group: number;
  readonly affinitySeconds: number;
  readonly inside: ChoiceRow;
  readonly outside: ChoiceRow;
};

/** Clients that a group is for. */
export type RangeRow = { readonly group: number; readonly block: Cidr };

export const nobody: ChoiceRow = { set: 0, count: 0, flags: 0 };

/** Refuses whatever an address has no other frontend for. */
export function refusal(address: Ip): FrontendRow {
  return { address, port: 0, protocol: 0, group: 0, affinitySeconds: 0, inside: nobody, outside: nobody };
}

/** Names a frontend: `10.96.0.20 6 80`. */
export function frontendKey({ address, protocol, port }: Pick<FrontendRow, "address" | "protocol" | "port">): string {
  return `${address} ${protocol} ${port}`;
}

/** Names a place that connections go to. */
export function backendKey({ address, port }: Pick<BackendRow, "address" | "port">): string {
  return `${address} ${port}`;
}

/** The element of a row, as the map takes it. */
export function toBackend({ number, address, port, group }: BackendRow) {
  return [number, { address, port, flags: 0, service: group }] as const;
}

/** Tells the sets of a group apart. */
export function setKey({ backends, maglev }: Pick<SetRow, "backends" | "maglev">): string {
  return `${maglev ? "maglev" : "random"} ${backends.map(({ number }) => number).join()}`;
}

/** `outside` of the cluster is where an endpoint's node may answer by itself. */
export function flagsOf(frontend: Frontend, side: "inside" | "outside"): number {
  const { targets, otherwise } = frontend[side];
  return (
    (frontend.balance === "maglev" && targets.length > 0 ? choiceFlags.maglev : 0) |
    (frontend.sourceRanges === undefined ? 0 : choiceFlags.sourceRanges) |
    (targets.length === 0 && otherwise === "drop" ? choiceFlags.drop : 0) |
    (side === "outside" && frontend.directReturn ? choiceFlags.directReturn : 0)
  );
}

/** Whether two rows are one element of the map, but for the place that they are for. */
export function sameFrontend(a: FrontendRow, b: FrontendRow): boolean {
  return (
    a.group === b.group &&
    a.affinitySeconds === b.affinitySeconds &&
    sameChoice(a.inside, b.inside) &&
    sameChoice(a.outside, b.outside)
  );
}

/** Whether two choices lead to the same slots, in the same way. */
export function sameChoice(a: ChoiceRow, b: ChoiceRow): boolean {
  return a.set === b.set && a.count === b.count && a.flags === b.flags;
}
