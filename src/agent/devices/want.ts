// Which devices of the node lead to the world: what comes over them may be for a service or a pod.

import type { Ip } from "#net/ip.ts";

export type Device = {
  readonly ifindex: number;
  readonly name: string;
  /** Without link-local ones. */
  readonly addresses: readonly Ip[];
  /** Whether a default route leads there. */
  readonly isDefault: boolean;
  /** The loopback device, or one that the agent has made. */
  readonly isOwn: boolean;
};

/**
 * Those that are named, or where none is: those that have one of the node's addresses, or a default route. What leads to pods is none.
 */
export function selectDevices(
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
