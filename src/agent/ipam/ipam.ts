// The node's addresses: a pool for each of its blocks, and who gets which.

import { addressesOf, type Endpoint } from "#agent/state/endpoint.ts";
import type { Progress, Release, StateStore } from "#agent/state/store.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import { type Cidr, familyOfCidr } from "#net/cidr.ts";
import { type Family, families, familyOf, type Ip } from "#net/ip.ts";
import { AddressPool, type PoolUsage } from "./pool.ts";

/** What a new endpoint gets; written down by whoever asked, together with the endpoint. */
export type Choice = {
  readonly ipv4: Ip | undefined;
  readonly ipv6: Ip | undefined;
  readonly progress: readonly Progress[];
};

/** Which addresses a pod asks for by itself; a family that it does not name gets one of the pool's. */
export type AddressWish = { readonly addresses: readonly Ip[]; readonly askedBy: string };

export class Ipam {
  readonly #store: StateStore;
  readonly #cooldownMs: number;
  readonly #pools = new Map<Cidr, AddressPool>();
  /** Addresses in use, of blocks that are ours no more as well. */
  readonly #taken = new Map<Ip, string>();

  constructor(store: StateStore, cooldownMs: number) {
    this.#store = store;
    this.#cooldownMs = cooldownMs;
  }

  get blocks(): readonly Cidr[] {
    return [...this.#pools.keys()];
  }

  /** The node's blocks from now on. Pods keep addresses of blocks that go. */
  setBlocks(blocks: readonly Cidr[]): void {
    for (const block of this.#pools.keys()) if (!blocks.includes(block)) this.#pools.delete(block);
    for (const block of blocks) {
      if (this.#pools.has(block)) continue;
      const pool = new AddressPool(block, this.#cooldownMs, this.#store.poolMemory(block));
      for (const address of this.#taken.keys()) if (pool.has(address)) pool.take(address);
      this.#pools.set(block, pool);
    }
  }

  /**
   * Addresses for a new endpoint: one of each family that the node has a block of. Nothing is taken yet.
   * @throws CniError 11 when a pool is exhausted or a wish cannot be fulfilled now, 7 when it never can
   */
  choose(nowMs: number, wish?: AddressWish): Choice {
    if (this.#pools.size === 0) {
      throw new CniError(
        ErrorCode.tryAgainLater,
        "The node has no block of addresses yet: spec.podCIDRs of its Node object is empty; run `twill operator`, or the controller manager with --allocate-node-cidrs",
      );
    }
    for (const family of families) requireOne(wish, family);
    const progress: Progress[] = [];
    const [ipv4, ipv6] = families.map((family) => {
      const wished = wish?.addresses.find((address) => familyOf(address) === family);
      if (wished !== undefined) return this.#wished(wished, wish?.askedBy ?? "");
      const pools = [...this.#pools.values()].filter(({ block }) => familyOfCidr(block) === family);
      for (const pool of pools) {
        const address = pool.next(nowMs);
        if (address === undefined) continue;
        progress.push({ block: pool.block, passed: pool.passed });
        return address;
      }
      if (pools.length > 0)
        throw exhausted(
          pools.map((pool) => pool.usage(nowMs)),
          nowMs,
        );
      return undefined;
    });
    return { ipv4, ipv6, progress };
  }

  #wished(address: Ip, askedBy: string): Ip {
    const owner = this.#taken.get(address);
    if (owner !== undefined) {
      throw new CniError(ErrorCode.tryAgainLater, `Cannot give ${address}, which ${askedBy} asks for: ${owner} has it`);
    }
    const pool = [...this.#pools.values()].find((each) => each.has(address));
    if (pool?.gives(address) === false) {
      throw new CniError(
        ErrorCode.invalidConfig,
        `Cannot give ${address}, which ${askedBy} asks for: in ${pool.block} it is no host's`,
      );
    }
    if (pool !== undefined) return address;
    const blocks = this.blocks.join(", ");
    throw new CniError(
      ErrorCode.invalidConfig,
      `Cannot give ${address}, which ${askedBy} asks for: this node's blocks are ${blocks}`,
    );
  }

  /** `owner` is for messages. */
  take(addresses: readonly Ip[], owner: string): void {
    for (const address of addresses) {
      this.#taken.set(address, owner);
      for (const pool of this.#pools.values()) if (pool.has(address)) pool.take(address);
    }
  }

  /** What `StateStore.end` writes down of an endpoint's addresses. */
  releasesOf(endpoint: Pick<Endpoint, "ipv4" | "ipv6">): readonly Release[] {
    return addressesOf(endpoint).flatMap((address) => {
      const pool = [...this.#pools.values()].find((each) => each.has(address));
      return pool === undefined ? [] : [{ address, block: pool.block }];
    });
  }

  release(addresses: readonly Ip[], nowMs: number): void {
    for (const address of addresses) {
      if (!this.#taken.delete(address)) continue;
      for (const pool of this.#pools.values()) if (pool.has(address)) pool.release(address, nowMs);
    }
  }

  /** Who has an address, in words. */
  ownerOf(address: Ip): string | undefined {
    return this.#taken.get(address);
  }

  /** Ends the rest of a released address; whether it rested. */
  wake(address: Ip): boolean {
    return [...this.#pools.values()].some((pool) => pool.wake(address));
  }

  usage(nowMs: number): readonly PoolUsage[] {
    return [...this.#pools.values()].map((pool) => pool.usage(nowMs));
  }
}

function requireOne(wish: AddressWish | undefined, family: Family): void {
  const wished = wish?.addresses.filter((address) => familyOf(address) === family) ?? [];
  if (wish === undefined || wished.length < 2) return;
  throw new CniError(
    ErrorCode.invalidConfig,
    `Cannot give ${wished.join(" and ")}, which ${wish.askedBy} asks for: a pod has one address of each family`,
  );
}

function exhausted(usages: readonly PoolUsage[], nowMs: number): CniError {
  const pools = usages.map(
    ({ block, total, taken, cooling }) => `${block} has ${total}: ${taken} taken, ${cooling} resting`,
  );
  const times = usages.map(({ nextFreeMs }) => nextFreeMs).filter((time) => time !== undefined);
  const seconds = Math.ceil((Math.min(...times) - nowMs) / 1000);
  const next = times.length === 0 ? "the next one is free when a pod goes" : `the next one is free in ${seconds} s`;
  return new CniError(ErrorCode.tryAgainLater, `The node is out of addresses: ${pools.join("; ")}; ${next}`);
}
