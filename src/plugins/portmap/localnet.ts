// The switch that lets packets from 127.0.0.1 leave towards a pod, on the one interface that leads to it.

import { readFileSync } from "node:fs";
import { openIn } from "#kernel/netns.ts";
import type { Ip } from "#net/ip.ts";
import { findLink } from "#netlink/link.ts";
import { routeTo } from "#netlink/route-to.ts";
import { writeSysctl } from "#plugins/container.ts";
import type { Host } from "#plugins/host.ts";

/** Name of the node's interface behind which the pod sits; undefined when the way leads over a gateway, or nowhere. */
export function interfaceTo(host: Host, pod: Ip): string | undefined {
  const route = routeTo(host.route(), pod);
  // On the way out to other machines, the switch would open the node's own services to them.
  if (route === undefined || route.gateway !== undefined) return undefined;
  return findLink(host.route(), route.oif)?.name;
}

/** @throws KernelError */
export function allowLocalnet(host: Host, ifname: string): void {
  if (!allowsLocalnet(host, ifname)) writeSysctl(host.netns, switchOf(ifname), "1");
}

export function allowsLocalnet(host: Host, ifname: string): boolean {
  using file = openIn(host.netns, `/proc/sys/${switchOf(ifname)}`, "read");
  return readFileSync(file.number, "utf8").trim() === "1";
}

function switchOf(ifname: string): string {
  return `net/ipv4/conf/${ifname}/route_localnet`;
}
