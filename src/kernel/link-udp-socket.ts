// A UDP socket over IPv6 on one interface of a network namespace: link-local traffic, with the kernel's own neighbours.

import type { Ip } from "#net/ip.ts";
import type { Netns } from "./netns.ts";
import { type SocketOption, switchedOn, UdpSocket } from "./udp-socket.ts";

const reuseAddress: SocketOption = [1, 2, switchedOn]; // SO_REUSEADDR

export type LinkUdpPlace = {
  readonly ifindex: number;
  /** Link-local address of that interface, or another of its addresses. */
  readonly address: Ip;
  readonly port: number;
};

/** Several may share one address and port. @throws KernelError EADDRNOTAVAIL while the address is tentative */
export function openLinkUdp(netns: Netns, { ifindex, address, port }: LinkUdpPlace): UdpSocket {
  const subject = `UDP port ${port} of ${address} on interface #${ifindex} of network namespace "${netns.path}"`;
  return new UdpSocket(netns, { family: "ipv6", address, port, scope: ifindex, options: [reuseAddress], subject });
}
