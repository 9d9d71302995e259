// sbr: source based routing. Packets from an interface's addresses follow that interface's routes, in tables of their own.

import { Rollback } from "#base/rollback.ts";
import { bool, type Infer, int, list, object, optional } from "#cni/decode.ts";
import { cidr, ip } from "#cni/decode-address.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import { type Call, type Plugin, requirePrevResult } from "#cni/plugin.ts";
import type { IpConfig, Result } from "#cni/result.ts";
import { atLeast, specVersions } from "#cni/version.ts";
import { addressOf, familyOfCidr, hostCidr, isDefault } from "#net/cidr.ts";
import { listAddresses } from "#netlink/address.ts";
import type { Connection } from "#netlink/connection.ts";
import { findLink, type Link } from "#netlink/link.ts";
import { RouteTable } from "#netlink/route.ts";
import { containersAddresses, requireLink } from "#plugins/chained.ts";
import { failed, openNetns, openNetnsIfThere } from "#plugins/container.ts";
import type { Host } from "#plugins/host.ts";
import { ownerOf } from "#plugins/ledger.ts";
import { readRecord, staleOwners } from "#plugins/recorded.ts";
import { lockRun } from "#plugins/run-lock.ts";
import { readConf, type SbrConf } from "./conf.ts";
import { planSbr } from "./plan.ts";
import { applyPlan, freeTables, removeSources, revert, routesOf, rulesFrom, type Source, takeBack } from "./tables.ts";

const name = "sbr";

/** `moved`: the tables are ours, and so are the interface's routes in them. */
const sbrRecord = object({ moved: bool, sources: list(object({ src: cidr, table: int(), gateway: optional(ip) })) });

export const sbr: Plugin<Host> = {
  name,
  about: "CNI sbr (source based routing) plugin of Twill",
  versions: specVersions,
  add,
  del,
  check,
  gc(call, host) {
    // The rules were in the containers' namespaces and went with them.
    for (const owner of staleOwners(call, host, name)) host.ledger.remove(owner);
  },
  status(call) {
    readConf(call);
  },
};

async function add(call: Call, host: Host): Promise<Result> {
  const conf = readConf(call);
  const result = requirePrevResult(call);
  const ips = sourcesOf(call, result);
  using netns = openNetns(call);
  using container = host.routeIn(netns);
  const link = requireLink(container, call);
  // Two calls must not take one table: the service lets in one at a time, but other processes may run beside it.
  using _lock = await lockRun(host, "sbr");
  const owner = ownerOf(call, name);
  const older = readRecord(host, owner, sbrRecord);
  if (older?.moved === true) takeBack(container, toSources(older), link.index);
  else if (older !== undefined) removeSources(container, toSources(older));
  const plan = planSbr(ips, link.index, routesOf(container, link.index, RouteTable.main), conf, freeTables(container));
  await using undo = new Rollback();
  undo.defer("forget the record", () => host.ledger.remove(owner));
  const gatewayIn = (table?: number) => plan.made.find((route) => route.table === table)?.gateway;
  const sources = plan.rules.map(({ src, table }) => ({ src, table, gateway: gatewayIn(table) }));
  host.ledger.write(owner, { moved: conf.table === undefined, sources });
  undo.defer("put rules and routes back", () => revert(container, plan));
  applyPlan(container, plan);
  undo.keep();
  return result;
}

function del(call: Call, host: Host): void {
  const owner = ownerOf(call, name);
  using netns = openNetnsIfThere(call);
  if (netns !== undefined) {
    using container = host.routeIn(netns);
    const link = findLink(container, call.ifname);
    const ours = readRecord(host, owner, sbrRecord);
    if (ours?.moved === true && link !== undefined) takeBack(container, toSources(ours), link.index);
    else if (ours !== undefined) removeSources(container, toSources(ours));
    else if (link !== undefined) removeSources(container, foundSources(container, link));
  }
  host.ledger.remove(owner);
}

function check(call: Call, host: Host): void {
  const conf = readConf(call);
  const ips = sourcesOf(call, requirePrevResult(call));
  using netns = openNetns(call);
  using container = host.routeIn(netns);
  const link = requireLink(container, call);
  for (const each of ips) checkSource(container, link, each, conf);
  if (conf.table !== undefined) return;
  const left = routesOf(container, link.index, RouteTable.main).find(({ dst }) => isDefault(dst));
  const of = (family: string) => ips.some(({ address }) => familyOfCidr(address) === family);
  if (left !== undefined && of(familyOfCidr(left.dst))) {
    throw failed(`the main table has the default route of ${link.name} again`);
  }
}

function checkSource(container: Connection, link: Link, config: IpConfig, { table, gateways }: SbrConf): void {
  const family = familyOfCidr(config.address);
  const src = hostCidr(addressOf(config.address));
  const tables = rulesFrom(container, src, family).map((rule) => rule.table ?? RouteTable.main);
  if (table !== undefined && !tables.includes(table)) throw failed(`there is no rule from ${src} lookup ${table}`);
  const [own] = tables.filter((each) => each !== RouteTable.main);
  if (own === undefined) throw failed(`there is no rule from ${src} to a table of its own`);
  const gateway = gateways[family] ?? config.gateway;
  if (table !== undefined || gateway === undefined) return;
  const routes = routesOf(container, link.index, own);
  if (routes.some((route) => isDefault(route.dst) && route.gateway === gateway)) return;
  throw failed(`table ${own}, which is for packets from ${src}, has no default route via ${gateway} dev ${link.name}`);
}

/** @throws CniError when there is nothing to route by source. */
function sourcesOf(call: Call, result: Result): readonly IpConfig[] {
  if (!atLeast(call.cniVersion, "0.3.0")) {
    const reason = `a result of version ${call.cniVersion} does not name interfaces: sbr needs 0.3.0 or newer`;
    throw new CniError(ErrorCode.incompatibleVersion, reason);
  }
  const ips = containersAddresses(call, result);
  if (ips.length > 0) return ips;
  const problem = `prevResult has no address of interface "${call.ifname}" in a sandbox`;
  throw new CniError(ErrorCode.invalidConfig, `${problem}: put ${call.type} after the plugin that gives it addresses`);
}

/** Without a record, as after the reference's ADD: the rules that are about the interface's addresses. */
function foundSources(container: Connection, link: Link): readonly Source[] {
  return listAddresses(container, link.index).flatMap(({ address }) =>
    rulesFrom(container, hostCidr(addressOf(address)), familyOfCidr(address)).map(({ family, src, table }) => ({
      ...{ family, src, table },
    })),
  );
}

function toSources({ sources }: Infer<typeof sbrRecord>): readonly Source[] {
  return sources.map(({ src, table, gateway }) => ({ family: familyOfCidr(src), src, table, gateway }));
}
