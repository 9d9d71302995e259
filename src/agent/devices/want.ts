// Which devices of the node lead to the world: what comes over them may be for a service or a pod.

import type { Ip } from "#net/ip.ts";

export type Device = {
  readonly ifindex: number;
  readonly name: string;
  /** Without link-local ones. */
  readonly addresses: readonly Ip[];
  /** Whether a default route leads there. */
  readonly isDefault: boolean;
  /** Whether its packets have Ethernet's header, which the programs expect: those of tunnels such as WireGuard, and of PPP, have none. */
  readonly isEthernet: boolean;
  /** The loopback device, or one that the agent has made. */
  readonly isOwn: boolean;
};

/** Those of `chooseDevices` that the programs can be put on. */
export function selectDevices(...choice: Parameters<typeof chooseDevices>): readonly Device[] {
  return chooseDevices(...choice).filter(({ isEthernet }) => isEthernet);
}

/** Those of `chooseDevices` that they cannot. */
export function unservedDevices(...choice: Parameters<typeof chooseDevices>): readonly Device[] {
  return chooseDevices(...choice).filter(({ isEthernet }) => !isEthernet);
}

/**
 * Those that are named, or where none is: those that have one of the node's addresses, or a default route. What leads to pods is none.
 */
function chooseDevices(
  devices: readonly Device[],
  nodeAddresses: readonly Ip[],
  named: readonly string[],
): readonly Device[] {
  const others = devices.filter(({ isOwn }) => !isOwn);
  if (named.length > 0) return others.filter(({ name }) => named.includes(name));
  return others.filter(
    ({ addresses, isDefault }) => isDefault || addresses.some((address) => nodeAddresses.includes(address)),
  );
}
