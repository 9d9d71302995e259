// Keeps a container from sending with another hardware address: one nftables rule for all ports of all bridges.

import { KernelError } from "#kernel/errno.ts";
import type { Mac } from "#net/mac.ts";
import { failed } from "#plugins/container.ts";
import type { Host } from "#plugins/host.ts";

const table = "twill_macspoof";

// Two look-ups a packet, however many containers there are. Before connection tracking and NAT (priority -300).
const setUp = `
add table bridge ${table}
add set bridge ${table} guarded { type ifname; }
add set bridge ${table} allowed { type ifname . ether_addr; }
add chain bridge ${table} prerouting { type filter hook prerouting priority -300; policy accept; }
flush chain bridge ${table} prerouting
add rule bridge ${table} prerouting iifname @guarded iifname . ether saddr != @allowed drop
`;

/** From now on frames that come in by `port` must carry `mac`. */
export function guardMac(host: Host, port: string, mac: Mac): void {
  host.nft().runText(`${setUp}
add element bridge ${table} guarded { "${port}" }
add element bridge ${table} allowed { "${port}" . ${mac} }
`);
}

/** What is gone already is no error. */
export function unguardMac(host: Host, port: string, mac: Mac): void {
  for (const element of [`allowed { "${port}" . ${mac} }`, `guarded { "${port}" }`]) {
    try {
      host.nft().runText(`delete element bridge ${table} ${element}`);
    } catch (error) {
      if (!(error instanceof KernelError) || error.errnoName !== "ENOENT") throw error;
    }
  }
}

/** @throws CniError when the guard is not in force. */
export function checkMacGuard(host: Host, port: string, mac: Mac): void {
  try {
    host.nft().runText(`get element bridge ${table} allowed { "${port}" . ${mac} }`);
    host.nft().runText(`get element bridge ${table} guarded { "${port}" }`);
  } catch (error) {
    if (error instanceof KernelError && error.errnoName === "ENOENT") {
      throw failed(`frames of ${port} are not checked against hardware address ${mac}`);
    }
    throw error;
  }
}
