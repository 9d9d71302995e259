// Addresses of services and node ports: which are taken, and one that is free.

import { boundsOf, type Cidr, contains, familyOfCidr } from "#net/cidr.ts";
import { type Family, type Ip, ipFromBigint, parseIp } from "#net/ip.ts";

/** Gives a number from 0 to one less than `count`. */
export type Pick = (count: number) => number;

/** Numbers of a range, given out at random so that one that was just released does not come back at once. */
export class NumberPool {
  readonly #first: number;
  readonly #count: number;
  readonly #pick: Pick;

  constructor(first: number, last: number, pick: Pick) {
    this.#first = first;
    this.#count = last - first + 1;
    this.#pick = pick;
  }

  contains(number: number): boolean {
    return number >= this.#first && number < this.#first + this.#count;
  }

  /** A number for which `isTaken` is false; undefined when there is none. */
  free(isTaken: (number: number) => boolean): number | undefined {
    const start = this.#pick(this.#count);
    for (let step = 0; step < this.#count; step++) {
      const number = this.#first + ((start + step) % this.#count);
      if (!isTaken(number)) return number;
    }
    return undefined;
  }
}

/** Ranges larger than this are used in part: a /96 has more addresses than anyone has services. */
const maxAddresses = 1 << 20;

/** A range of service addresses of one family. The first address and, in IPv4, the last are never given. */
export class ServiceRange {
  readonly range: Cidr;
  readonly family: Family;
  readonly #first: bigint;
  readonly #numbers: NumberPool;

  constructor(range: Cidr, pick: Pick) {
    const { first, last } = boundsOf(range);
    const usable = last - first - (familyOfCidr(range) === "ipv4" ? 1n : 0n);
    this.range = range;
    this.family = familyOfCidr(range);
    this.#first = first;
    this.#numbers = new NumberPool(1, Number(usable < maxAddresses ? usable : BigInt(maxAddresses)), pick);
  }

  contains(text: string): boolean {
    const address = parseIp(text);
    return address !== undefined && contains(this.range, address);
  }

  free(isTaken: (address: Ip) => boolean): Ip | undefined {
    const number = this.#numbers.free((candidate) => isTaken(this.#at(candidate)));
    return number === undefined ? undefined : this.#at(number);
  }

  #at(number: number): Ip {
    return ipFromBigint(this.#first + BigInt(number), this.family);
  }
}
