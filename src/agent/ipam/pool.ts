// The addresses of one block: which are taken, which rest after their release, and which is next.

import { boundsOf, type Cidr, contains, familyOfCidr, lengthOf } from "#net/cidr.ts";
import { bitsOf, type Ip, ipFromBigint, ipToBigint } from "#net/ip.ts";

/** What a pool must remember over a restart, beside the taken addresses: those are the endpoints'. */
export type PoolMemory = {
  /** How many of the block's addresses were passed already, from its start. */
  readonly passed: bigint;
  /** Released addresses with the time of their release, oldest first. */
  readonly released: readonly (readonly [address: Ip, releasedMs: number])[];
};

export type PoolUsage = {
  readonly block: Cidr;
  /** How many addresses pods can have, as a decimal text: an IPv6 block has more than a number holds. */
  readonly total: string;
  readonly taken: number;
  /** Released, and not given out again yet. */
  readonly cooling: number;
  /** When the next address can be had; undefined: now. */
  readonly nextFreeMs: number | undefined;
};

/** A large block is not walked to its end: from so many released addresses on, they come first. */
const maxRemembered = 1024;

/**
 * Gives addresses that nobody had first, then those that were released longest ago, never within the cooldown: peers
 * may still send to the pod that had it.
 */
export class AddressPool {
  readonly block: Cidr;
  readonly #cooldownMs: number;
  readonly #first: bigint;
  readonly #size: bigint;
  #passed: bigint;
  readonly #taken = new Set<Ip>();
  #released: Map<Ip, number>;
  /** The latest time that the pool was told of. */
  #latestMs: number;

  constructor(block: Cidr, cooldownMs: number, { passed, released }: PoolMemory) {
    this.block = block;
    this.#cooldownMs = cooldownMs;
    const { first, last } = boundsOf(block);
    // A block's own address and, in IPv4, its last one are no host's (RFC 919, RFC 4291 2.6.1), but for the smallest blocks.
    const spare = bitsOf(familyOfCidr(block)) - lengthOf(block) >= 2;
    this.#first = first + (spare ? 1n : 0n);
    this.#size = last - this.#first + (spare && familyOfCidr(block) === "ipv4" ? 0n : 1n);
    this.#passed = passed;
    this.#released = new Map(released);
    this.#latestMs = released.reduce((latest, [, releasedMs]) => Math.max(latest, releasedMs), 0);
  }

  /** For the next start. */
  get passed(): bigint {
    return this.#passed;
  }

  has(address: Ip): boolean {
    return this.#taken.has(address) || this.#released.has(address) || contains(this.block, address);
  }

  /** Whether an address of the block may be a pod's: others lead to all of its hosts, or stand for the node. */
  gives(address: Ip): boolean {
    const place = ipToBigint(address) - this.#first;
    return contains(this.block, address) && place >= 0n && place < this.#size;
  }

  /** The address that is next; undefined when there is none now. Passes over those that are taken or resting. */
  next(nowMs: number): Ip | undefined {
    this.#forgetFuture(nowMs);
    const [oldest] = this.#released;
    const rested = oldest !== undefined && oldest[1] + this.#cooldownMs <= nowMs ? oldest[0] : undefined;
    if (this.#released.size >= maxRemembered && rested !== undefined) return rested;
    for (; this.#passed < this.#size; this.#passed++) {
      const address = ipFromBigint(this.#first + this.#passed, familyOfCidr(this.block));
      if (!this.#taken.has(address) && !this.#released.has(address)) return address;
    }
    return rested;
  }

  /** After the clock was set back, a rest begins anew: it must not last until the clock is where it was. */
  #forgetFuture(nowMs: number): void {
    if (nowMs >= this.#latestMs) return;
    this.#latestMs = nowMs;
    for (const [address, releasedMs] of this.#released) if (releasedMs > nowMs) this.#released.set(address, nowMs);
  }

  take(address: Ip): void {
    this.#taken.add(address);
    this.#released.delete(address);
  }

  release(address: Ip, nowMs: number): void {
    this.#taken.delete(address);
    this.#released.delete(address);
    this.#released.set(address, nowMs);
    this.#latestMs = Math.max(this.#latestMs, nowMs);
  }

  /** Ends the rest of an address; whether it rested. */
  wake(address: Ip): boolean {
    if (!this.#released.has(address)) return false;
    this.#released.delete(address);
    // Never given out yet, or given out again when it is its turn: in front of all others.
    this.#released = new Map([[address, Number.NEGATIVE_INFINITY], ...this.#released]);
    return true;
  }

  usage(nowMs: number): PoolUsage {
    const [oldest] = this.#released.values();
    const isFree = this.next(nowMs) !== undefined;
    return {
      block: this.block,
      total: String(this.#size),
      taken: this.#taken.size,
      cooling: this.#released.size,
      nextFreeMs: isFree || oldest === undefined ? undefined : oldest + this.#cooldownMs,
    };
  }
}
