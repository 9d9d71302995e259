// What source based routing does to one interface's routes: pure, from addresses and the routes that are there.

import type { IpConfig } from "#cni/result.ts";
import { addressOf, contains, defaultCidr, familyOfCidr, hostCidr, networkOf } from "#net/cidr.ts";
import type { Family, Ip } from "#net/ip.ts";
import { type Route, RouteTable } from "#netlink/route.ts";
import type { Rule } from "#netlink/rule.ts";
import type { SbrConf } from "./conf.ts";

export type Plan = {
  /** For each address: the rule that leads to its table. */
  readonly rules: readonly Rule[];
  /** In the tables of the rules. */
  readonly added: readonly Route[];
  /** Those of `added` that are no copies from the main table. */
  readonly made: readonly Route[];
  /** Out of the main table. */
  readonly removed: readonly Route[];
  /** Into the main table, after `removed` are gone. */
  readonly hints: readonly Route[];
};

/** The first number that the reference tries as well: the lower ones are often named in rt_tables. */
const firstTable = 100;

/** `main`: the routes of interface `oif` in the main table. `isFree` tells the tables that nobody uses. */
export function planSbr(
  ips: readonly IpConfig[],
  oif: number,
  main: readonly Route[],
  { table: fixed, gateways, addSourceHints }: SbrConf,
  isFree: (table: number) => boolean,
): Plan {
  if (fixed !== undefined) {
    return { rules: ips.map((each) => toRule(each, fixed)), added: [], made: [], removed: [], hints: [] };
  }
  const rules: Rule[] = [];
  const added: Route[] = [];
  const made: Route[] = [];
  let table = firstTable;
  for (const config of ips) {
    const family = familyOfCidr(config.address);
    while (!isFree(table)) table++;
    rules.push(toRule(config, table));
    const gateway = gateways[family] ?? config.gateway;
    const copied = main.filter((route) => belongs(route, config, ips)).map((route) => ({ ...route, table }));
    const own = gateway === undefined ? [] : [defaultRoute(family, gateway, oif, table)];
    made.push(...own.filter((route) => !main.some((each) => sameRoute(each, route))));
    // Before the copies: the configured gateway wins over a default route that is there.
    added.push(...own, ...copied);
    table++;
  }
  const families = new Set(ips.map(({ address }) => familyOfCidr(address)));
  const removed = main.filter((route) => families.has(familyOfCidr(route.dst)) && !isLinkLocal(route));
  return { rules, added, made, removed, hints: addSourceHints ? ips.map((each) => hintRoute(each, oif)) : [] };
}

export function toRule({ address }: IpConfig, table: number): Rule {
  return { family: familyOfCidr(address), src: hostCidr(addressOf(address)), table, action: "table" };
}

/** What goes by way of another address's subnet, or comes from it, is not for this one. */
function belongs(route: Route, { address }: IpConfig, ips: readonly IpConfig[]): boolean {
  if (familyOfCidr(route.dst) !== familyOfCidr(address)) return false;
  return [route.gateway, route.prefSrc].every((of) => {
    if (of === undefined || contains(networkOf(address), of)) return true;
    return !ips.some((other) => contains(networkOf(other.address), of));
  });
}

/** Whatever the tables. The metric 0 becomes 1024 with IPv6. */
export function sameRoute(a: Route, b: Route): boolean {
  const metric = ({ dst, priority = 0 }: Route) => priority || (familyOfCidr(dst) === "ipv6" ? 1024 : 0);
  return a.dst === b.dst && a.gateway === b.gateway && metric(a) === metric(b);
}

/** Neighbours on the link are reached by their link-local addresses, whatever the source. */
function isLinkLocal({ dst }: Route): boolean {
  return dst === "fe80::/64";
}

function defaultRoute(family: Family, gateway: Ip, oif: number, table: number): Route {
  return { dst: defaultCidr(family), oif, gateway, table };
}

function hintRoute({ address }: IpConfig, oif: number): Route {
  return { dst: networkOf(address), oif, prefSrc: addressOf(address), scope: "link", table: RouteTable.main };
}
