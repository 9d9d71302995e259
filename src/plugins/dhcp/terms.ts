// What a client asks of the server: the options it sends and those it wants back.

import type { Family } from "#net/ip.ts";
import { option } from "./option.ts";
import type { OptionList } from "./option-list.ts";

export type Terms = {
  /** Option codes wanted back, in the order of importance. */
  readonly request: readonly number[];
  /** Sent with every message; always with a client identifier. */
  readonly provide: OptionList;
  /** The server must answer to the broadcast address. */
  readonly broadcast: boolean;
};

/** Routes by RFC 3442 come before the others: it says so. */
export const defaultRequest: readonly number[] = [
  option.subnetMask.code,
  option.classlessRoutes.code,
  option.routers.code,
  option.staticRoutes.code,
  option.dnsServers.code,
  option.domainName.code,
  option.searchList.code,
];

/** Those that a lease may be of. */

/** As people call the protocol of a family. */
export function protocolOf(family: Family): string {
  return family === "ipv6" ? "DHCPv6" : "DHCP";
}

/** One interface of one container on one network. */
export type LeaseId = { readonly network: string; readonly containerId: string; readonly ifname: string };

export function formatLeaseId({ network, containerId, ifname }: LeaseId): string {
  return `${containerId}/${network}/${ifname}`;
}

const maxClientIdBytes = 254;

/** The reference's client identifier: a zero ("not a hardware address"), then container, network, interface, cut at 254 bytes. */
export function clientIdOf(id: LeaseId): Uint8Array {
  const text = new TextEncoder().encode(formatLeaseId(id));
  const bytes = new Uint8Array(Math.min(maxClientIdBytes, 1 + text.length));
  bytes.set(text.subarray(0, bytes.length - 1), 1);
  return bytes;
}
