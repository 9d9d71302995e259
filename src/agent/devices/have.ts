// The node's devices as the kernel has them: only reads.

import { endpointIdOf } from "#agent/state/endpoint.ts";
import { addressOf, lengthOf } from "#net/cidr.ts";
import { families } from "#net/ip.ts";
import { listAddresses } from "#netlink/address.ts";
import type { Connection } from "#netlink/connection.ts";
import { LinkFlag, listLinks } from "#netlink/link.ts";
import { listRoutes, RouteTable } from "#netlink/route.ts";
import type { Device } from "./want.ts";

/** RT_SCOPE_UNIVERSE, and of IPv6 also the site's. */
const widestLocalScope = 200;
/** ARPHRD_ETHER. */
const ethernet = 1;
/** What the agent calls its own links. */
const ownPrefix = "twill-";

/** @throws KernelError */
export function readDevices(connection: Connection): readonly Device[] {
  const addresses = listAddresses(connection).filter(({ scope }) => scope <= widestLocalScope);
  const routes = families.flatMap((family) => listRoutes(connection, family, { table: RouteTable.main }));
  const defaults = new Set(
    routes.filter(({ dst, type }) => lengthOf(dst) === 0 && type === "unicast").map(({ oif }) => oif),
  );
  return listLinks(connection).map(({ index, name, flags, hardware }) => ({
    ifindex: index,
    name,
    addresses: addresses.filter((each) => each.index === index).map(({ address }) => addressOf(address)),
    isDefault: defaults.has(index),
    isEthernet: hardware === ethernet,
    isOwn: (flags & LinkFlag.loopback) !== 0 || name.startsWith(ownPrefix) || endpointIdOf(index) !== undefined,
  }));
}
