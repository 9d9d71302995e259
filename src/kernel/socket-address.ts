// Where a socket is bound or sends to, as the kernel takes it (ip(7), ipv6(7), packet(7)).

import { type Family, type Ip, ipBytes } from "#net/ip.ts";

/** AF_ numbers. */
export const AddressFamily = { ipv4: 2, ipv6: 10, packet: 17 } as const;

const sockaddrBytes = { ipv4: 16, ipv6: 28, link: 20 } as const;
const scopeOffset = 24;

/** struct sockaddr_in or sockaddr_in6; without an address any. `scope` is the link that a link-local address is on, 0 for none. */
export function internetAddress(family: Family, address: Ip | undefined, port: number, scope = 0): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(sockaddrBytes[family]));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AddressFamily[family], true);
  view.setUint16(2, port, false);
  if (address !== undefined) bytes.set(ipBytes(address), family === "ipv4" ? 4 : 8);
  if (family === "ipv6") view.setUint32(scopeOffset, scope, true);
  return bytes;
}

/** struct sockaddr_ll: frames of one EtherType on one link; 3 (ETH_P_ALL) for all of them, 0 for none. */
export function linkAddress(ifindex: number, etherType: number): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(sockaddrBytes.link));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AddressFamily.packet, true);
  view.setUint16(2, etherType, false);
  view.setInt32(4, ifindex, true);
  return bytes;
}
