// Which services have which outer address: one each, or several that share it.

import type { Ip } from "#net/ip.ts";
import { type Sharing, whyNotShared } from "./balancer-sharing.ts";

/** A service that has or wants an address. */
export type AddressUser = { readonly name: string; readonly sharing: Sharing };

/** Who keeps another from an address, and why, as the end of a sentence. */
export type Obstacle = { readonly name: string; readonly why: string };

export class AddressUsers {
  readonly #users = new Map<Ip, AddressUser[]>();

  /** Unless somebody is there whom it cannot share with. */
  add(address: Ip, user: AddressUser): void {
    if (this.has(address, user) || this.obstacle(address, user) !== undefined) return;
    this.#users.set(address, [...(this.#users.get(address) ?? []), user]);
  }

  remove(address: Ip, { name }: Pick<AddressUser, "name">): void {
    const left = (this.#users.get(address) ?? []).filter((user) => user.name !== name);
    if (left.length === 0) this.#users.delete(address);
    else this.#users.set(address, left);
  }

  has(address: Ip, { name }: Pick<AddressUser, "name">): boolean {
    return this.#users.get(address)?.some((user) => user.name === name) === true;
  }

  isFree(address: Ip): boolean {
    return !this.#users.has(address);
  }

  /** The first of the others who have the address and do not let this one have it. */
  obstacle(address: Ip, user: AddressUser): Obstacle | undefined {
    for (const { name, sharing } of this.#users.get(address) ?? []) {
      const why = name === user.name ? undefined : whyNotShared(sharing, user.sharing);
      if (why !== undefined) return { name, why };
    }
    return undefined;
  }

  /** Addresses of services that say so. */
  sharedBy(value: string): readonly (readonly [Ip, readonly AddressUser[]])[] {
    return [...this.#users].filter(([, users]) => users.every(({ sharing }) => sharing.with === value));
  }
}
