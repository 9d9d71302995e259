// A station: one network namespace of the lab, and what its kernel shall have.

import type { Cidr, IfAddr } from "#net/cidr.ts";
import type { Ip } from "#net/ip.ts";
import type { Mac } from "#net/mac.ts";

/** `switch`, `control`, `internet`, `client`, `router-NODE`, `nodes/NODE`: also its place below the lab's control group. */
export type StationPath = string;

/** One end of a wire. Every number is chosen here, so that one batch of requests can make the link and name it. */
export type Port = { readonly name: string; readonly index: number; readonly mac: Mac };

export type BridgeWish = Port & { readonly kind: "bridge" };

/** A veth pair: the near end here, the far end born in another station. */
export type WireWish = Port & {
  readonly kind: "wire";
  /** The bridge that the near end belongs to. */
  readonly master?: number;
  readonly far: Port & { readonly station: StationPath };
};

export type LinkWish = BridgeWish | WireWish;

export type AddressWish = { readonly index: number; readonly address: IfAddr };
/** Who has an address on a link: said once and for all. */
export type NeighbourWish = { readonly index: number; readonly address: Ip; readonly mac: Mac };
export type RouteWish = { readonly dst: Cidr; readonly gateway: Ip };
/** A file below /proc/sys, and its content. */
export type Setting = {
  readonly path: string;
  readonly value: string;
  /** The kernel may have been built without what it is about. */
  readonly optional?: true;
};

export type Station = {
  readonly path: StationPath;
  /** Set before any link is made: links take some of them as their own. */
  readonly settings: readonly Setting[];
  /** Links that are made from here. */
  readonly links: readonly LinkWish[];
  /** Indexes of all links that shall be up: those made here, and ends of other stations' wires. */
  readonly up: readonly number[];
  readonly addresses: readonly AddressWish[];
  readonly routes: readonly RouteWish[];
  readonly neighbours: readonly NeighbourWish[];
};

export const loopbackIndex = 1;
/** The first link of every station but the switch. */
export const eth0Index = 2;

export function nodeStation(node: string): StationPath {
  return `nodes/${node}`;
}

export function routerStation(node: string): StationPath {
  return `router-${node}`;
}
