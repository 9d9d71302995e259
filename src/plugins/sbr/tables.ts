// The routing tables of a container as source based routing reads and changes them.

import { defaultCidr } from "#net/cidr.ts";
import { type Family, families, type Ip } from "#net/ip.ts";
import type { Connection } from "#netlink/connection.ts";
import type { Request } from "#netlink/message.ts";
import { addRoute, listRoutes, type Route, RouteTable, removeRoute } from "#netlink/route.ts";
import { addRule, listRules, type Rule, removeRule } from "#netlink/rule.ts";
import { type Plan, sameRoute } from "./plan.ts";

const reserved: readonly number[] = Object.values(RouteTable);

/** A rule that leads from one address to its table. `gateway`: of the default route there that was made, not moved. */
export type Source = Pick<Rule, "family" | "src" | "table"> & { readonly gateway?: Ip | undefined };

/** Routes of one interface in one table; those with several nexthops when all are its own. */
export function routesOf(container: Connection, oif: number, table: number): readonly Route[] {
  const isOurs = (route: Route) =>
    (route.table ?? RouteTable.main) === table &&
    (route.multipath === undefined ? route.oif === oif : route.multipath.every(({ index }) => index === oif));
  return families.flatMap((family) => listRoutes(container, family, { table })).filter(isOurs);
}

/** Tells the tables that neither a rule nor a route names. */
export function freeTables(container: Connection): (table: number) => boolean {
  const used = new Set(reserved);
  for (const family of families) {
    for (const { table } of listRules(container, family)) if (table !== undefined) used.add(table);
    for (const { table } of listRoutes(container, family)) if (table !== undefined) used.add(table);
  }
  return (table) => !used.has(table);
}

export function rulesFrom(container: Connection, src: Rule["src"], family: Family): readonly Rule[] {
  return listRules(container, family).filter((rule) => rule.src === src && rule.action === "table");
}

/** @throws KernelError; undo with `revert`. */
export function applyPlan(container: Connection, { rules, added, removed, hints }: Plan): void {
  // Gateways are looked up in the main table until the routes to them are in their own.
  container.apply([...added.map((route) => addRoute(route, ["EEXIST"])), ...rules.map(wantRule)]);
  container.apply(removed.map((route) => removeRoute(route)));
  container.apply(hints.map((route) => addRoute(route, ["EEXIST"])));
}

/** A rule that is there already is as good. */
function wantRule(rule: Rule): Request {
  return { ...addRule(rule), allow: ["EEXIST"] };
}

/** As it was before `applyPlan`, however far that came. */
export function revert(container: Connection, { rules, added, removed, hints }: Plan): void {
  container.tryApply([...rules.map((rule) => removeRule(rule)), ...hints.map((route) => removeRoute(route))]);
  // On-link routes first: the gateways of the others lie behind them.
  const direct = (route: Route) => route.gateway === undefined && route.multipath === undefined;
  const ordered = [...removed.filter(direct), ...removed.filter((route) => !direct(route))];
  container.tryApply(ordered.map((route) => addRoute(route, ["EEXIST"])));
  container.tryApply(added.map((route) => removeRoute(route)));
}

/** Removes rules alone. */
export function removeSources(container: Connection, sources: readonly Source[]): void {
  container.apply(sources.map((source) => removeRule(toRule(source))));
}

/** Moves the interface's routes back into the main table, and removes the rules. */
export function takeBack(container: Connection, sources: readonly Source[], oif: number): void {
  const added: Route[] = [];
  const removed: Route[] = [];
  for (const { family, table = RouteTable.main, gateway } of sources) {
    const present = routesOf(container, oif, table);
    const isMade = (route: Route) => sameRoute(route, { dst: defaultCidr(family), gateway });
    added.push(...present);
    removed.push(...present.filter((route) => !isMade(route)).map((route) => ({ ...route, table: RouteTable.main })));
  }
  revert(container, { rules: sources.map(toRule), added, made: [], removed, hints: [] });
}

function toRule({ family, src, table }: Source): Rule {
  return { family, src, table, action: "table" };
}
