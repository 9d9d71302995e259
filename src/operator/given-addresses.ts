// Addresses that were written to services and that the watch of services does not show yet: nobody else gets them meanwhile.

import type { Ip } from "#net/ip.ts";
import type { BalancerWish } from "./balancer-addresses.ts";

type Given = {
  readonly addresses: readonly Ip[];
  /** From which on the watch shows them; no revision is, as long as the write is not answered. */
  readonly revision: number;
};

export class GivenAddresses {
  /** By the service's uid: a service that comes back under its name is another. */
  readonly #given = new Map<string, Given>();

  /** They are about to be written. */
  note({ uid }: BalancerWish, addresses: readonly Ip[]): void {
    this.#given.set(uid, { addresses, revision: Number.POSITIVE_INFINITY });
  }

  /** They were written, with this revision. */
  written({ uid }: BalancerWish, revision: number): void {
    const given = this.#given.get(uid);
    if (given !== undefined) this.#given.set(uid, { ...given, revision });
  }

  /** The service has not got them after all. */
  forget({ uid }: BalancerWish): void {
    this.#given.delete(uid);
  }

  /** The services as they will be once all that was given is seen. What was changed before that may be seen later: it frees nothing. */
  added(seen: Iterable<BalancerWish>): readonly BalancerWish[] {
    const all = [...seen];
    const waiting = new Set(all.filter((each) => this.#isUnseen(each)).map(({ uid }) => uid));
    for (const uid of this.#given.keys()) if (!waiting.has(uid)) this.#given.delete(uid);
    return all.map((each) => ({ ...each, has: this.#given.get(each.uid)?.addresses ?? each.has }));
  }

  #isUnseen({ uid, revision }: BalancerWish): boolean {
    return revision < (this.#given.get(uid)?.revision ?? 0);
  }
}
