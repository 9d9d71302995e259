// What makes a node its containers' gateway: the addresses that they send to, and the switch that lets it forward.

import type { IpConfig } from "#cni/result.ts";
import { addressOf, lengthOf, networkOf } from "#net/cidr.ts";
import { type Family, type Ip, ip, offsetIp } from "#net/ip.ts";
import { writeSysctlIfThere } from "./container.ts";
import type { Host } from "./host.ts";

/** For an address that is alone in its block, as DHCPv6 gives: the next one may be another container's. */
const linkLocalGateway: Ip = ip("fe80::1");

/** The pool's gateway, else the first address of the subnet. */
export function gatewayOf({ address, gateway }: IpConfig): Ip {
  if (gateway !== undefined) return gateway;
  return lengthOf(address) === 128 ? linkLocalGateway : offsetIp(addressOf(networkOf(address)), 1);
}

export function enableForwarding(family: Family, host: Host): void {
  writeSysctlIfThere(host.netns, forwardingPath(family), "1");
}

/** The switch that lets a node forward, below /proc/sys. */
export function forwardingPath(family: Family): string {
  return family === "ipv4" ? "net/ipv4/ip_forward" : "net/ipv6/conf/all/forwarding";
}
