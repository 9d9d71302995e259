// The container's side of an attachment: its namespace, its interface's addresses and routes, and their check.

import { readFileSync, writeSync } from "node:fs";
import { CniError, ErrorCode } from "#cni/error.ts";
import type { Call } from "#cni/plugin.ts";
import type { CniRoute, IpConfig, Result } from "#cni/result.ts";
import { isErrno } from "#kernel/errno.ts";
import type { Fd } from "#kernel/fd.ts";
import { Netns, NetnsError, openIn } from "#kernel/netns.ts";
import { familyOfCidr, type IfAddr } from "#net/cidr.ts";
import { familyOf } from "#net/ip.ts";
import { addAddress, listAddresses } from "#netlink/address.ts";
import type { Connection } from "#netlink/connection.ts";
import { findLink, type Link, setLink } from "#netlink/link.ts";
import type { Request } from "#netlink/message.ts";
import { appendRoute, formatRoute, listRoutes, type Route, type RouteScope } from "#netlink/route.ts";

/** @throws CniError 8 when CNI_NETNS does not lead to a network namespace. */
export function openNetns(call: Call): Netns {
  try {
    return new Netns(call.netns);
  } catch (error) {
    if (!(error instanceof NetnsError)) throw error;
    throw new CniError(ErrorCode.invalidNetns, error.message, { cause: error });
  }
}

/** For DEL: undefined when there is no namespace any more, or CNI_NETNS is empty, or it is no namespace. */
export function openNetnsIfThere(call: Call): Netns | undefined {
  if (call.netns === "") return undefined;
  try {
    return new Netns(call.netns);
  } catch (error) {
    if (error instanceof NetnsError) return undefined;
    throw error;
  }
}

/** @throws CniError 4 when the container has an interface of that name already. */
export function requireFreeName(container: Connection, call: Call): void {
  if (findLink(container, call.ifname) === undefined) return;
  throw new CniError(
    ErrorCode.invalidEnvironment,
    `CNI_IFNAME "${call.ifname}" exists already in network namespace "${call.netns}": choose another name or run DEL first`,
  );
}

/** Writes a sysctl as the namespace sees it; `path` below /proc/sys, like `net/ipv4/ip_forward`. @throws KernelError */
export function writeSysctl(netns: Netns | undefined, path: string, value: string): void {
  using file: Fd = openIn(netns, `/proc/sys/${path}`, "write");
  writeSync(file.number, value);
}

/** As `writeSysctl`; a kernel without the switch (IPv6 off) is no error. */
export function writeSysctlIfThere(netns: Netns | undefined, path: string, value: string): void {
  try {
    writeSysctl(netns, path, value);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
}

/** A sysctl's value as the namespace sees it; undefined where the kernel has no such switch. @throws KernelError */
export function readSysctlIfThere(netns: Netns | undefined, path: string): string | undefined {
  try {
    using file: Fd = openIn(netns, `/proc/sys/${path}`, "read");
    return readFileSync(file.number, "utf8").trim();
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/**
 * Requests that give interface `index` the result's addresses and routes and bring it up. Unless `dad` asks for duplicate
 * address detection, addresses work at once: the pool that gave them out knows its own.
 */
export function configureRequests(
  index: number,
  name: string,
  result: Pick<Result, "ips" | "routes">,
  options: { readonly dad?: boolean } = {},
): readonly Request[] {
  const noDad = (address: IfAddr) => options.dad !== true && familyOfCidr(address) === "ipv6";
  return [
    ...result.ips.map(({ address }) => addAddress(index, address, { dev: name, noDad: noDad(address) })),
    setLink(index, { up: true }, name),
    // The kernel answers EEXIST for the same route twice, which two pools may hand out.
    ...result.routes.map((route) => appendRoute(toRoute(route, result.ips, index), ["EEXIST"])),
  ];
}

/** IPv6 may be switched off for new interfaces, and addresses vanish when a link goes down, unless told otherwise. */
export function prepareIpv6(netns: Netns, ifname: string, ips: readonly IpConfig[]): void {
  if (!ips.some(({ address }) => familyOfCidr(address) === "ipv6")) return;
  writeSysctlIfThere(netns, "net/ipv6/conf/lo/disable_ipv6", "0");
  writeSysctlIfThere(netns, `net/ipv6/conf/${ifname}/disable_ipv6`, "0");
  writeSysctlIfThere(netns, `net/ipv6/conf/${ifname}/keep_addr_on_down`, "1");
}

/** A result's route on interface `index`; without a gateway of its own it goes by the first address's of its family. */
export function toRoute(route: CniRoute, ips: readonly IpConfig[], index: number): Route {
  const wanted = familyOfCidr(route.dst);
  const gateway = route.gw ?? ips.find((ip) => ip.gateway !== undefined && familyOf(ip.gateway) === wanted)?.gateway;
  return {
    dst: route.dst,
    oif: index,
    gateway: route.scope === 253 ? route.gw : gateway,
    priority: route.priority,
    table: route.table,
    scope: route.scope as RouteScope | undefined,
    mtu: route.mtu,
    advmss: route.advmss,
  };
}

/** @throws CniError 999 naming what is missing; changes nothing. */
export function checkAddresses(container: Connection, link: Link, ips: readonly IpConfig[]): void {
  const present = new Set<string>(listAddresses(container, link.index).map(({ address }) => address));
  for (const { address } of ips) {
    if (!present.has(address)) throw failed(`interface ${link.name} has no address ${address}`);
  }
}

/** @throws CniError 999 naming what is missing; changes nothing. */
export function checkRoutes(container: Connection, link: Link, result: Pick<Result, "ips" | "routes">): void {
  for (const wanted of result.routes.map((route) => toRoute(route, result.ips, link.index))) {
    // A chained plugin, sbr or vrf, may have moved what the result leaves to the main table.
    const present = listRoutes(
      container,
      familyOfCidr(wanted.dst),
      wanted.table === undefined ? {} : { table: wanted.table },
    );
    if (!present.some((route) => agrees(wanted, route))) throw failed(`there is no route ${formatRoute(wanted)}`);
  }
}

/** What the runtime sees when a CHECK finds something amiss. */
export function failed(problem: string): CniError {
  return new CniError(ErrorCode.internal, `CHECK failed: ${problem}`);
}

/** Addresses of a result that belong to interface `index` of it, or to none. */
export function addressesOf(result: Result, index: number): readonly IpConfig[] {
  return result.ips.filter((ip) => ip.interface === undefined || ip.interface === index);
}

function agrees(wanted: Route, route: Route): boolean {
  if (wanted.dst !== route.dst) return false;
  if (wanted.priority !== undefined && wanted.priority !== 0 && wanted.priority !== route.priority) return false;
  const gateways = [route.gateway, ...(route.multipath ?? []).map((hop) => hop.gateway)];
  if (wanted.gateway !== undefined && !gateways.includes(wanted.gateway)) return false;
  return (wanted.mtu ?? route.mtu) === route.mtu && (wanted.advmss ?? route.advmss) === route.advmss;
}
