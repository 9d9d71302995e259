// Waiting for IPv6 duplicate address detection, for those who ask for it.

import { AddressFlag, listAddresses } from "#netlink/address.ts";
import type { Connection } from "#netlink/connection.ts";
import type { Host } from "./host.ts";

const pollMs = 20;
const timeoutMs = 10_000;

/** Returns when no address of the interface is tentative any more. @throws Error naming an address that somebody else has. */
export async function waitForAddresses(container: Connection, index: number, name: string, host: Host): Promise<void> {
  const until = host.now() + timeoutMs;
  for (;;) {
    const addresses = listAddresses(container, index);
    const duplicate = addresses.find(({ flags }) => (flags & AddressFlag.dadFailed) !== 0);
    if (duplicate !== undefined) {
      throw new Error(`Address ${duplicate.address} on ${name} is in use by another machine on the link`);
    }
    if (!addresses.some(({ flags }) => (flags & AddressFlag.tentative) !== 0)) return;
    if (host.now() > until) throw new Error(`Duplicate address detection on ${name} did not end within 10 seconds`);
    await host.sleep(pollMs);
  }
}
