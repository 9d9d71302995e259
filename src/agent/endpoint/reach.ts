// Whether packets get through to a pod that was wired just now: the kernel has accepted everything before all of it is in force.

import type { Endpoint } from "#agent/state/endpoint.ts";
import { findOperstate } from "#netlink/link.ts";
import { isOwnAddress } from "#netlink/route-to.ts";
import type { Host } from "#plugins/host.ts";
import { openIfThere } from "./pod-netns.ts";

/** IF_OPER_UP (RFC 2863) */
const operstateUp = 6;

/**
 * Whether the node's end carries packets: the kernel lets a link that has just found its other end send only after a piece of
 * work of its own, which waits for whoever changes links. Asking for the link does that work at once since Linux 6.8. @throws KernelError
 */
export function isUp({ ifindex }: Pick<Endpoint, "ifindex">, host: Pick<Host, "route">): boolean {
  return findOperstate(host.route(), ifindex) === operstateUp;
}

/** Whether what is sent to the pod arrives: its link is up, and the kernel there knows its addresses. @throws KernelError */
export function isReachable(endpoint: Endpoint, host: Pick<Host, "route" | "routeIn">): boolean {
  if (!isUp(endpoint, host)) return false;
  // An IPv4 address is known at once.
  if (endpoint.ipv6 === undefined) return true;
  using netns = openIfThere(endpoint.netns);
  if (netns === undefined) return false;
  using pod = host.routeIn(netns);
  return isOwnAddress(pod, endpoint.ipv6);
}
