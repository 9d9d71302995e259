// The largest packet that a pod may send: it must fit every way of the fabric.

import type { NodeModel } from "#model/node.ts";
import { addressOf } from "#net/cidr.ts";
import { familyOf } from "#net/ip.ts";
import { listAddresses } from "#netlink/address.ts";
import type { Connection } from "#netlink/connection.ts";
import { findLink } from "#netlink/link.ts";
import type { AgentConfig } from "./config/config.ts";
import { podMtu } from "./fabric/mtu.ts";
import { overlayName } from "./fabric/want.ts";

/** What Ethernet carries, where the node's own link is not known. */
const usual = 1500;

/** From the links that have the node's addresses. @throws KernelError */
export function computePodMtu(
  connection: Connection,
  addresses: NodeModel["addresses"],
  { mode, mtu }: AgentConfig["fabric"],
): number {
  if (mtu !== undefined) return mtu;
  const own = Object.values(addresses);
  const sizes = listAddresses(connection)
    .filter(({ address }) => own.includes(addressOf(address)))
    .map(({ index }) => findLink(connection, index))
    // The overlay has the node's addresses, too, and is as small already as it makes what it carries.
    .flatMap((link) => (link === undefined || link.name === overlayName ? [] : [link.mtu]));
  const linkMtu = Math.min(...(sizes.length === 0 ? [usual] : sizes));
  return podMtu(linkMtu, mode === "direct" ? [] : own.map(familyOf));
}
