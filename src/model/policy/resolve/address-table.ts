// Addresses of pods and nodes: whose each one is, and of which class.

import { type Family, familyOf, type Ip } from "#net/ip.ts";
import type { AddressClass, Item } from "./item.ts";
import type { Pod } from "./population.ts";
import { type Point, type Prefix, pointOf } from "./prefix-table.ts";

/** A node, with the questions that hold of it. `isSelf`: this one. */
export type NodeOwner = {
  readonly node: string;
  readonly isSelf: boolean;
  items: readonly Item[];
};

export type Owner = Pod | NodeOwner;

export type Address = {
  readonly ip: Ip;
  readonly family: Family;
  readonly point: Point;
  /** Who claims it, in the order in which they came; mostly one, which needs no list. `ownerOf` is who has it. */
  claims: Owner | readonly Owner[] | undefined;
  /** The longest block that has it. */
  prefix: Prefix | undefined;
  class: AddressClass | undefined;
};

export class AddressTable {
  readonly #addresses = new Map<Ip, Address>();

  get(ip: Ip): Address | undefined {
    return this.#addresses.get(ip);
  }

  all(): Iterable<Address> {
    return this.#addresses.values();
  }

  claim(ip: Ip, owner: Owner): Address {
    const address = this.#addresses.getOrInsertComputed(ip, () => ({
      ...{ ip, family: familyOf(ip), point: pointOf(ip), claims: undefined },
      ...{ prefix: undefined, class: undefined },
    }));
    const { claims } = address;
    address.claims = claims === undefined ? owner : [...listOf(claims), owner];
    return address;
  }

  /** Addresses that nobody claims stay until they are forgotten. */
  disclaim(ip: Ip, owner: Owner): Address | undefined {
    const address = this.#addresses.get(ip);
    if (address === undefined) return undefined;
    const left = listOf(address.claims).filter((each) => each !== owner);
    address.claims = left.length > 1 ? left : left[0];
    return address;
  }

  forget({ ip, claims }: Address): void {
    if (claims === undefined) this.#addresses.delete(ip);
  }
}

/** A node before a pod; of pods the newest, of those that are as new the last that came. */
export function ownerOf({ claims }: Address): Owner | undefined {
  let best: Owner | undefined;
  for (const owner of listOf(claims)) if (best === undefined || !isBefore(best, owner)) best = owner;
  return best;
}

function isBefore(a: Owner, b: Owner): boolean {
  if ("node" in a) return !("node" in b && b.isSelf);
  return !("node" in b) && a.entry.createdMs > b.entry.createdMs;
}

function listOf(claims: Address["claims"]): readonly Owner[] {
  if (claims === undefined) return [];
  return isList(claims) ? claims : [claims];
}

function isList(claims: Owner | readonly Owner[]): claims is readonly Owner[] {
  return Array.isArray(claims);
}
