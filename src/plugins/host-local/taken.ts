// Which addresses of a network are taken, by address and by owner, in memory.

import { type Family, familyOf, type Ip, ipToBigint } from "#net/ip.ts";

/** An owner is the text of the address's file, see `store.ts`. */
export class Taken {
  readonly #owners = new Map<Ip, string>();
  readonly #addresses = new Map<string, Set<Ip>>();
  // A search steps through numbers: writing each as text first would cost ten times as much.
  readonly #numbers: { readonly [family in Family]: Set<bigint> } = { ipv4: new Set(), ipv6: new Set() };

  add(address: Ip, owner: string): void {
    this.remove(address);
    this.#owners.set(address, owner);
    this.#numbers[familyOf(address)].add(ipToBigint(address));
    const addresses = this.#addresses.get(owner);
    if (addresses === undefined) this.#addresses.set(owner, new Set([address]));
    else addresses.add(address);
  }

  remove(address: Ip): void {
    const owner = this.#owners.get(address);
    if (owner === undefined) return;
    this.#owners.delete(address);
    this.#numbers[familyOf(address)].delete(ipToBigint(address));
    const addresses = this.#addresses.get(owner);
    addresses?.delete(address);
    if (addresses?.size === 0) this.#addresses.delete(owner);
  }

  has(family: Family, address: bigint): boolean {
    return this.#numbers[family].has(address);
  }

  /** Oldest first. */
  addressesOf(owner: string): readonly Ip[] {
    return [...(this.#addresses.get(owner) ?? [])];
  }

  entries(): readonly (readonly [address: Ip, owner: string])[] {
    return [...this.#owners];
  }
}
