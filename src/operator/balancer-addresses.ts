// Which outer addresses services of type LoadBalancer get: each keeps what it has, the others get the lowest that is free.

import type { Service } from "#kube/kinds.ts";
import { objectName } from "#kube/object.ts";
import { type Family, familyOf, type Ip, ipFromBigint, parseIp } from "#net/ip.ts";
import { AddressUsers } from "./address-users.ts";
import { type BalancerPool, type BalancerRange, defaultPool, isIn } from "./balancer-pools.ts";
import { type Sharing, toSharing } from "./balancer-sharing.ts";

/** Addresses that a service asks for, separated by commas, one of each family at most. */
export const addressesAnnotation = "twill.dev/load-balancer-addresses";
/** The pool that its addresses are to come from. */
const poolAnnotation = "twill.dev/load-balancer-pool";
/** `spec.loadBalancerClass` of services that are ours; those without a class are ours as well. */
const balancerClass = "twill.dev/pool";

/** What is said of a service; nothing else is kept of it. */
export type BalancerWish = {
  readonly name: string;
  readonly uid: string;
  /** Of the object; later ones are higher. */
  readonly revision: number;
  readonly createdAt: string;
  /** Whether this operator gives it addresses. */
  readonly isOurs: boolean;
  /** Whether nobody does: it is no balanced service any more. */
  readonly isFree: boolean;
  readonly families: readonly Family[];
  /** Asked for by name. */
  readonly asked: readonly string[];
  readonly pool: string | undefined;
  readonly sharing: Sharing;
  /** `status.loadBalancer` as it is. */
  readonly has: readonly Ip[];
};

export type BalancerPlan = {
  /** The status that these services are to have. */
  readonly give: readonly { readonly service: BalancerWish; readonly addresses: readonly Ip[] }[];
  /** Services that get nothing, or not all: a sentence. */
  readonly refused: readonly { readonly service: BalancerWish; readonly why: string }[];
};

export function toBalancerWish(service: Service): BalancerWish {
  const { metadata, spec, status } = service;
  const { annotations = {} } = metadata;
  const { loadBalancerClass, loadBalancerIP = "", ipFamilies, clusterIPs = [] } = spec ?? {};
  const own = clusterIPs.map(parseIp).filter((address) => address !== undefined);
  const asked = annotations[addressesAnnotation] ?? loadBalancerIP;
  return {
    name: objectName(service),
    uid: metadata.uid ?? "",
    revision: Number(metadata.resourceVersion ?? 0),
    createdAt: metadata.creationTimestamp ?? "",
    isOurs:
      spec?.type === "LoadBalancer" &&
      metadata.deletionTimestamp === undefined &&
      (loadBalancerClass === undefined || loadBalancerClass === balancerClass),
    isFree: spec?.type !== "LoadBalancer",
    families: ipFamilies?.map((family) => (family === "IPv6" ? "ipv6" : "ipv4")) ?? own.map(familyOf),
    asked: asked.split(",").flatMap((text) => (text.trim() === "" ? [] : [text.trim()])),
    pool: annotations[poolAnnotation],
    sharing: toSharing(service),
    has: (status?.loadBalancer?.ingress ?? []).flatMap(({ ip = "" }) => parseIp(ip) ?? []),
  };
}

/** Two services get one address only where both say so. What a pool that is gone has given stays given. */
export function planBalancers(pools: readonly BalancerPool[], services: Iterable<BalancerWish>): BalancerPlan {
  const all = [...services].sort(byAge);
  const ranges = pools.flatMap((pool) => pool.ranges);
  const isOursToGive = (address: Ip) => ranges.some((range) => isIn(range, address));
  const give: { service: BalancerWish; addresses: readonly Ip[] }[] = [];
  const refused: { service: BalancerWish; why: string }[] = [];
  const users = new AddressUsers();
  // What somebody has, in the order of age: of two that cannot have the same, the older one keeps it.
  for (const service of all) for (const address of service.has) users.add(address, service);
  for (const service of all) {
    const kept = service.has.filter((address) => users.has(address, service));
    if (!service.isOurs) {
      // Its type or class was another once.
      const rest = service.has.filter((address) => !isOursToGive(address));
      if (rest.length < service.has.length && service.isFree) give.push({ service, addresses: rest });
      continue;
    }
    const { addresses, problems } = addressesFor(service, kept, pools, users);
    for (const address of kept) if (!addresses.includes(address)) users.remove(address, service);
    for (const address of addresses) users.add(address, service);
    if (addresses.join() !== service.has.join()) give.push({ service, addresses });
    for (const why of problems) refused.push({ service, why });
  }
  return { give, refused };
}

type Found = { readonly addresses: readonly Ip[]; readonly problems: readonly string[] };

function addressesFor(
  service: BalancerWish,
  kept: readonly Ip[],
  pools: readonly BalancerPool[],
  users: AddressUsers,
): Found {
  const { name, families, asked, pool: poolName = defaultPool } = service;
  if (asked.length > 0) return askedAddresses(service, pools, users);
  const pool = pools.find((each) => each.name === poolName) ?? (service.pool === undefined ? pools[0] : undefined);
  if (pool === undefined)
    return { addresses: kept, problems: [`Service ${name} wants addresses of pool "${poolName}", which there is not`] };
  const found = families.map((family): Found => {
    const before = kept.find((address) => familyOf(address) === family);
    const isInPool = (address: Ip) => pool.ranges.some((range) => isIn(range, address));
    if (before !== undefined && (service.pool === undefined || isInPool(before))) return one(before);
    const isWanted = (address: Ip) => familyOf(address) === family && isInPool(address);
    return sharedAddress(service, users, isWanted) ?? freeAddress(service, family, pool, users);
  });
  const addresses = found.flatMap((each) => each.addresses);
  const problems = found.flatMap((each) => each.problems);
  const lacksAll = addresses.length === 0 && problems.length === 0;
  return {
    addresses,
    problems: lacksAll
      ? [`Service ${name} gets no address: pool ${pool.name} has none of ${families.join(" or ")}`]
      : problems,
  };
}

function one(address: Ip): Found {
  return { addresses: [address], problems: [] };
}

/** Of those whom a service is to share with; undefined where there are none yet. */
function sharedAddress(
  { name, sharing }: BalancerWish,
  users: AddressUsers,
  isWanted: (address: Ip) => boolean,
): Found | undefined {
  if (sharing.with === undefined) return undefined;
  const problems: string[] = [];
  for (const [address, others] of users.sharedBy(sharing.with)) {
    if (!isWanted(address) || others.every((other) => other.name === name)) continue;
    const obstacle = users.obstacle(address, { name, sharing });
    if (obstacle === undefined) return one(address);
    problems.push(`Service ${name} cannot share ${address} with ${obstacle.name}: ${obstacle.why}`);
  }
  return problems.length === 0 ? undefined : { addresses: [], problems };
}

function freeAddress({ name }: BalancerWish, family: Family, pool: BalancerPool, users: AddressUsers): Found {
  const ranges = pool.ranges.filter((range) => range.family === family);
  const free = lowestFree(ranges, users);
  if (free !== undefined) return one(free);
  // A pool of one family serves what it can of a service of two.
  if (ranges.length === 0) return { addresses: [], problems: [] };
  const problem = `Service ${name} gets no ${family} address: all of pool ${pool.name} are taken, add a range`;
  return { addresses: [], problems: [problem] };
}

function askedAddresses(service: BalancerWish, pools: readonly BalancerPool[], users: AddressUsers): Found {
  const { name, asked } = service;
  const addresses: Ip[] = [];
  const problems: string[] = [];
  for (const text of asked) {
    const address = parseIp(text);
    const obstacle = address === undefined ? undefined : users.obstacle(address, service);
    if (address === undefined) problems.push(`Service ${name} asks for "${text}", which is no address`);
    else if (!pools.some(({ ranges }) => ranges.some((range) => isIn(range, address))))
      problems.push(`Service ${name} asks for ${address}, which is in no pool`);
    else if (obstacle !== undefined)
      problems.push(`Service ${name} asks for ${address}, which ${obstacle.name} has: ${obstacle.why}`);
    else addresses.push(address);
  }
  return { addresses, problems };
}

function lowestFree(ranges: readonly BalancerRange[], users: AddressUsers): Ip | undefined {
  for (const { family, first, last } of ranges) {
    for (let number = first; number <= last; number++) {
      const address = ipFromBigint(number, family);
      if (users.isFree(address)) return address;
    }
  }
  return undefined;
}

function byAge(a: BalancerWish, b: BalancerWish): number {
  return `${a.createdAt} ${a.name}` < `${b.createdAt} ${b.name}` ? -1 : 1;
}
