// Addresses of pods and services in order, so that a block finds those inside without looking at all of them.

import type { World } from "#model/policy/world.ts";
import { boundsOf, type Cidr, contains, familyOfCidr } from "#net/cidr.ts";
import { type Family, familyOf, type Ip, ipToBigint } from "#net/ip.ts";

type Entry = { readonly point: bigint; readonly address: Ip; readonly owner: string };

export class Addresses {
  readonly #sorted: { readonly [F in Family]: readonly Entry[] };

  constructor(owned: Iterable<readonly [address: Ip, owner: string]>) {
    const all = [...owned].map(([address, owner]) => ({ point: ipToBigint(address), address, owner }));
    const sorted = all.sort((a, b) => (a.point < b.point ? -1 : a.point > b.point ? 1 : 0));
    const of = (family: Family) => sorted.filter(({ address }) => familyOf(address) === family);
    this.#sorted = { ipv4: of("ipv4"), ipv6: of("ipv6") };
  }

  get families(): number {
    return Object.values(this.#sorted).filter((entries) => entries.length > 0).length;
  }

  /** Who has an address in a block and in none of the holes; the first of them. */
  ownerIn(block: Cidr, holes: readonly Cidr[]): string | undefined {
    const { first, last } = boundsOf(block);
    const entries = this.#sorted[familyOfCidr(block)];
    for (let index = firstAt(entries, first); index < entries.length; index++) {
      const entry = entries[index];
      if (entry === undefined || entry.point > last) return undefined;
      if (!holes.some((hole) => contains(hole, entry.address))) return entry.owner;
    }
    return undefined;
  }
}

/** The index of the first entry that is not below a point. */
function firstAt(entries: readonly Entry[], point: bigint): number {
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((entries[middle]?.point ?? point) < point) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** By whose they are: `shop/web-1`. */
export function podAddresses({ pods }: World): Addresses {
  return new Addresses(
    pods.flatMap(({ namespace, name, addresses }) =>
      addresses.map((address) => [address, `${namespace}/${name}`] as const),
    ),
  );
}

/** By whose they are: `shop/web`. */
export function serviceAddresses({ services }: World): Addresses {
  return new Addresses(
    services.flatMap(({ namespace, name, addresses }) =>
      addresses.map((address) => [address, `${namespace}/${name}`] as const),
    ),
  );
}
