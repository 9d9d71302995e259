// vrf: puts an interface into a VRF, a routing domain of the container's own, which is made for the first and goes with the last.

import { Rollback } from "#base/rollback.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import { type Call, type Plugin, requirePrevResult } from "#cni/plugin.ts";
import type { Result } from "#cni/result.ts";
import { versionsFrom } from "#cni/version.ts";
import type { Connection } from "#netlink/connection.ts";
import { addLink, findLink, type Link, removeLink, setLink } from "#netlink/link.ts";
import { RouteTable } from "#netlink/route.ts";
import { containersAddresses, requireLink } from "#plugins/chained.ts";
import { checkAddresses, checkRoutes, failed, openNetns, openNetnsIfThere } from "#plugins/container.ts";
import type { Host } from "#plugins/host.ts";
import { readConf, readVrfname, type VrfConf } from "./conf.ts";
import { findFreeTable, membersOf, moveLink, tableOf } from "./domain.ts";

export const vrf: Plugin<Host> = {
  name: "vrf",
  about: "CNI vrf plugin of Twill",
  versions: versionsFrom("0.3.1"),
  add,
  del,
  check,
  // All that ADD makes is in the container's namespace and goes with it.
  gc() {},
  status(call) {
    readConf(call);
  },
};

async function add(call: Call, host: Host): Promise<Result> {
  const conf = readConf(call);
  const result = requirePrevResult(call);
  using netns = openNetns(call);
  using container = host.routeIn(netns);
  const link = requireLink(container, call);
  const existing = findVrf(container, conf);
  if (existing !== undefined && link.master === existing.index) return result;
  if (link.master !== 0) {
    const master = findLink(container, link.master)?.name ?? `#${link.master}`;
    throw unusable(`interface ${link.name} has already a master, ${master}: a link belongs to one VRF or bridge`);
  }
  await using undo = new Rollback();
  const domain = existing ?? makeVrf(container, conf, undo);
  if (!domain.up) container.apply([setLink(domain.index, { up: true }, domain.name)]);
  const table = tableOf(domain) ?? conf.table;
  undo.defer("leave the VRF", () => moveLink(container, link, 0, table, RouteTable.main));
  moveLink(container, link, domain.index, RouteTable.main, table);
  undo.keep();
  return result;
}

function del(call: Call, host: Host): void {
  const vrfname = readVrfname(call);
  if (vrfname === undefined) return;
  using netns = openNetnsIfThere(call);
  if (netns === undefined) return;
  using container = host.routeIn(netns);
  const domain = findLink(container, vrfname);
  if (domain === undefined || tableOf(domain) === undefined) return;
  const link = findLink(container, call.ifname);
  if (link?.master === domain.index) container.apply([setLink(link.index, { master: 0 }, link.name)]);
  if (membersOf(container, domain).length === 0) container.apply([removeLink(domain.index, domain.name)]);
}

function check(call: Call, host: Host): void {
  const conf = readConf(call);
  const result = requirePrevResult(call);
  using netns = openNetns(call);
  using container = host.routeIn(netns);
  const domain = findLink(container, conf.vrfname);
  const table = domain === undefined ? undefined : tableOf(domain);
  if (domain === undefined || table === undefined) throw failed(`there is no VRF ${conf.vrfname}`);
  if (conf.table !== 0 && table !== conf.table) {
    throw failed(`VRF ${conf.vrfname} has table ${table}, configured is ${conf.table}`);
  }
  if (!domain.up) throw failed(`VRF ${conf.vrfname} is down`);
  const link = findLink(container, call.ifname);
  if (link === undefined) throw failed(`there is no interface ${call.ifname}`);
  if (link.master !== domain.index) throw failed(`interface ${link.name} is not in VRF ${conf.vrfname}`);
  const ips = containersAddresses(call, result);
  const routes = result.routes.filter((route) => route.table === undefined).map((route) => ({ ...route, table }));
  checkAddresses(container, link, ips);
  // What another interface's gateway serves is not for this one.
  if (ips.length === result.ips.length) checkRoutes(container, link, { ips, routes });
}

/** @throws CniError when the name is taken by something else, or by a VRF with another table. */
function findVrf(container: Connection, { vrfname, table }: VrfConf): Link | undefined {
  const found = findLink(container, vrfname);
  if (found === undefined) return undefined;
  const present = tableOf(found);
  if (present === undefined) throw unusable(`link ${vrfname} exists already and is no VRF: choose another vrfname`);
  if (table === 0 || table === present) return found;
  throw unusable(`VRF ${vrfname} exists already with table ${present}, configured is ${table}: make them agree`);
}

function makeVrf(container: Connection, { vrfname, table: wanted }: VrfConf, undo: Rollback): Link {
  const table = wanted === 0 ? findFreeTable(container) : wanted;
  container.apply([addLink({ name: vrfname, up: true }, { kind: "vrf", data: { table } })]);
  const made = findLink(container, vrfname);
  if (made === undefined) throw unusable(`VRF ${vrfname} vanished directly after it was made`);
  undo.defer("remove the VRF", () => container.apply([removeLink(made.index, vrfname)]));
  return made;
}

function unusable(problem: string): CniError {
  return new CniError(ErrorCode.internal, problem);
}
