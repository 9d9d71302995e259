// Waiting until the kernel takes a container's addresses for its own: what arrives before that is lost.

import type { IpConfig } from "#cni/result.ts";
import { addressOf, familyOfCidr } from "#net/cidr.ts";
import type { Connection } from "#netlink/connection.ts";
import { isOwnAddress } from "#netlink/route-to.ts";
import type { Host } from "./host.ts";

/** Two seconds in all. */
const pollMs = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_100] as const;

/**
 * Returns when packets to the addresses of a container's interface that is up reach it, which an IPv6 address may take some time for,
 * see `isOwnAddress`. Goes on after two seconds: where somebody's rules hide the kernel's own table, the answer never changes.
 * @throws KernelError
 */
export async function waitUntilOwn(
  container: Connection,
  ips: readonly IpConfig[],
  host: Pick<Host, "sleep">,
): Promise<void> {
  const addresses = ips
    .filter(({ address }) => familyOfCidr(address) === "ipv6")
    .map(({ address }) => addressOf(address));
  for (const ms of pollMs) {
    if (addresses.every((address) => isOwnAddress(container, address))) return;
    await host.sleep(ms);
  }
}
