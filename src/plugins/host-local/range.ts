// Ranges of addresses as numbers: what a configured range means, and the sets that ranges form.

import { CniError, ErrorCode } from "#cni/error.ts";
import { addressOf, boundsOf, contains, type IfAddr, joinIfAddr, lengthOf, networkOf } from "#net/cidr.ts";
import { bitsOf, type Family, familyOf, type Ip, ipFromBigint, ipToBigint } from "#net/ip.ts";

/** A range as a configuration writes it. */
export type RangeConf = {
  readonly subnet: IfAddr;
  readonly rangeStart?: Ip;
  readonly rangeEnd?: Ip;
  readonly gateway?: Ip;
};

/** Addresses from `first` to `last`, both inclusive, without `gateway`. */
export type Range = {
  readonly family: Family;
  readonly prefixLength: number;
  readonly first: bigint;
  readonly last: bigint;
  readonly gateway: bigint;
};

/** One pool out of which a container gets one address. All ranges are of one family, and none overlap. */
export type RangeSet = readonly [Range, ...Range[]];

/** @throws CniError 7, its sentence opened by `subject`. */
export function rangeSet(confs: readonly RangeConf[], subject: string): RangeSet {
  const [first, ...rest] = confs.map((conf) => range(conf, subject));
  if (first === undefined) throw invalid(`${subject}: empty range set, give it at least one range`);
  const set: RangeSet = [first, ...rest];
  if (rest.some(({ family }) => family !== first.family)) {
    throw invalid(`${subject}: mixed address families in ${formatRangeSet(set)}, give each family a set of its own`);
  }
  for (const [index, each] of set.entries()) {
    const other = set.slice(index + 1).find((candidate) => overlap(each, candidate));
    if (other !== undefined) throw invalid(`${subject}: ranges ${formatRange(each)} and ${formatRange(other)} overlap`);
  }
  return set;
}

/** @throws CniError 7 naming the first two sets that share an address. */
export function requireDisjoint(sets: readonly RangeSet[]): void {
  for (const [i, one] of sets.entries()) {
    for (const [j, other] of sets.entries()) {
      if (j <= i || !one.some((a) => other.some((b) => overlap(a, b)))) continue;
      const pools = `${formatRangeSet(one)} and ${formatRangeSet(other)}`;
      throw invalid(`host-local: range set ${i} overlaps with ${j}: ${pools}`);
    }
  }
}

/** The range that holds the address. */
export function rangeOf(set: RangeSet, address: Ip): Range | undefined {
  const [{ family }] = set;
  if (familyOf(address) !== family) return undefined;
  const n = ipToBigint(address);
  return set.find(({ first, last }) => first <= n && n <= last);
}

/** How many addresses the set can give away. */
export function sizeOf(set: RangeSet): bigint {
  return set.reduce((sum, { first, last, gateway }) => {
    return sum + last - first + 1n - (first <= gateway && gateway <= last ? 1n : 0n);
  }, 0n);
}

export function addressIn({ family }: Range, n: bigint): Ip {
  return ipFromBigint(n, family);
}

export function withPrefix({ prefixLength }: Range, address: Ip): IfAddr {
  return joinIfAddr(address, prefixLength);
}

/** `10.1.0.1-10.1.0.254,10.2.0.1-10.2.0.254` */
export function formatRangeSet(set: RangeSet): string {
  return set.map(formatRange).join(",");
}

function formatRange(each: Range): string {
  return `${addressIn(each, each.first)}-${addressIn(each, each.last)}`;
}

function overlap(a: Range, b: Range): boolean {
  return a.family === b.family && a.first <= b.last && b.first <= a.last;
}

function range(conf: RangeConf, subject: string): Range {
  const { subnet } = conf;
  const network = networkOf(subnet);
  const family = familyOf(addressOf(subnet));
  if (network !== (subnet as string)) {
    const length = lengthOf(subnet);
    throw invalid(
      `${subject}: Network ${subnet} has host bits set for a prefix length of ${length}, the network is ${network}`,
    );
  }
  if (lengthOf(subnet) > bitsOf(family) - 2) {
    throw invalid(`${subject}: Network ${subnet} too small to allocate from, take /${bitsOf(family) - 2} or shorter`);
  }
  for (const [key, address] of [
    ["gateway", conf.gateway],
    ["rangeStart", conf.rangeStart],
    ["rangeEnd", conf.rangeEnd],
  ] as const) {
    if (address !== undefined && !contains(network, address)) {
      throw invalid(`${subject}: ${key} ${address} not in network ${network}`);
    }
  }
  const bounds = boundsOf(network);
  const number = (address: Ip | undefined) => (address === undefined ? undefined : ipToBigint(address));
  const first = number(conf.rangeStart) ?? bounds.first + 1n;
  // IPv6 has no broadcast address.
  const last = number(conf.rangeEnd) ?? (family === "ipv4" ? bounds.last - 1n : bounds.last);
  if (last < first) {
    const text = `rangeEnd ${ipFromBigint(last, family)} is in network ${network} but before start`;
    throw invalid(`${subject}: ${text} ${ipFromBigint(first, family)}`);
  }
  return {
    family,
    prefixLength: lengthOf(subnet),
    first,
    last,
    gateway: number(conf.gateway) ?? bounds.first + 1n,
  };
}

function invalid(message: string): CniError {
  return new CniError(ErrorCode.invalidConfig, message);
}
