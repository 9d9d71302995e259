// The ranges of outer addresses that an operator is told to give to services of type LoadBalancer, checked.

import { boundsOf, type Cidr, familyOfCidr, networkOf, parseIfAddr } from "#net/cidr.ts";
import { type Family, familyOf, type Ip, ipToBigint, parseIp } from "#net/ip.ts";

/** Addresses from `first` to `last`, as numbers of the family. */
export type BalancerRange = { readonly family: Family; readonly first: bigint; readonly last: bigint };

export type BalancerPool = { readonly name: string; readonly ranges: readonly BalancerRange[] };

export const defaultPool = "default";

/** Pools that cannot be used; the message is the whole sentence. */
export class BalancerPoolError extends Error {
  readonly code = "BALANCER_POOL";
}

/**
 * Reads `[NAME=]RANGE[,RANGE…]`, where a range is a block, an address, or `first-last`: `blue=192.0.2.0/28,2001:db8::10-2001:db8::1f`.
 * Of one name they are one pool. `podRanges` are not to be given out. @throws BalancerPoolError naming what is wrong
 */
export function readBalancerPools(texts: readonly string[], podRanges: readonly Cidr[] = []): readonly BalancerPool[] {
  const pools = new Map<string, readonly BalancerRange[]>();
  const seen: { readonly text: string; readonly range: BalancerRange }[] = [];
  for (const whole of texts) {
    const [, name = defaultPool, list = ""] = /^(?:([a-z0-9-]+)=)?(.*)$/.exec(whole) ?? [];
    for (const text of list.split(",")) {
      const range = readRange(text.trim());
      const other = seen.find((each) => overlap(each.range, range));
      if (other !== undefined) {
        throw new BalancerPoolError(`Cannot give out ${text}: it overlaps ${other.text}, name ranges that do not`);
      }
      const pods = podRanges.find((each) => overlap(rangeOf(each), range));
      if (pods !== undefined) {
        throw new BalancerPoolError(
          `Cannot give out ${text}: it overlaps ${pods}, which pods get; name a range that does not`,
        );
      }
      seen.push({ text, range });
      pools.set(name, [...(pools.get(name) ?? []), range]);
    }
  }
  return [...pools].map(([name, ranges]) => ({ name, ranges }));
}

export function isIn({ family, first, last }: BalancerRange, address: Ip): boolean {
  const number = familyOf(address) === family ? ipToBigint(address) : -1n;
  return number >= first && number <= last;
}

function readRange(text: string): BalancerRange {
  const [from, to, ...more] = text.split("-").map((part) => parseIp(part));
  if (from !== undefined && to !== undefined && more.length === 0) {
    const [first, last] = [ipToBigint(from), ipToBigint(to)];
    if (familyOf(from) === familyOf(to) && first <= last) return { family: familyOf(from), first, last };
    throw new BalancerPoolError(`Cannot give out ${text}: the first address must be before the last, of one family`);
  }
  const block = parseIfAddr(text.includes("/") ? text : `${text}/${text.includes(":") ? 128 : 32}`);
  if (block === undefined) {
    throw new BalancerPoolError(
      `Cannot give out "${text}": it is no block like 192.0.2.0/28, no address, and no range like 192.0.2.1-192.0.2.9`,
    );
  }
  const network = networkOf(block);
  if (String(network) !== String(block)) {
    throw new BalancerPoolError(`Cannot give out ${text}: the block is ${network}, name that`);
  }
  return rangeOf(network);
}

function rangeOf(block: Cidr): BalancerRange {
  return { family: familyOfCidr(block), ...boundsOf(block) };
}

function overlap(a: BalancerRange, b: BalancerRange): boolean {
  return a.family === b.family && a.first <= b.last && b.first <= a.last;
}
