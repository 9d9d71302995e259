// How large a packet may be: one calculation for pods, tunnels and routes.

import type { Family } from "#net/ip.ts";

// Outer IP header, UDP (RFC 768) and VXLAN (RFC 7348) headers, and the inner Ethernet header.
const vxlanOverhead = { ipv4: 20 + 8 + 8 + 14, ipv6: 40 + 8 + 8 + 14 } as const;
/** RFC 8200 section 5: every IPv6 link carries as much. */
export const minimumMtu = 1280;

/** What fits into a tunnel over a link of `linkMtu`. */
export function tunnelMtu(linkMtu: number, outer: Family): number {
  return linkMtu - vxlanOverhead[outer];
}

/** What a pod may send: as much as fits into each way that its packets may take. */
export function podMtu(linkMtu: number, tunnels: readonly Family[]): number {
  return Math.min(linkMtu, ...tunnels.map((outer) => tunnelMtu(linkMtu, outer)));
}
