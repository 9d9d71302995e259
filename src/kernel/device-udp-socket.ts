// A UDP socket that speaks over one device only, with its checksums left to that device or without any.

import type { Family } from "#net/ip.ts";
import { cstring } from "./libc.ts";
import type { Netns } from "./netns.ts";
import { type SocketOption, switchedOn, UdpSocket } from "./udp-socket.ts";

const onlyIpv6: SocketOption = [41, 26, switchedOn]; // IPV6_V6ONLY
// RFC 768 and RFC 6935: zero says that there is none.
const withoutChecksum: Record<Family, readonly SocketOption[]> = {
  ipv4: [[1, 11, switchedOn]], // SO_NO_CHECK
  ipv6: [[17, 101, switchedOn]], // UDP_NO_CHECK6_TX
};
const takesNoChecksum: SocketOption = [17, 102, switchedOn]; // UDP_NO_CHECK6_RX

export type DeviceUdpPlace = {
  readonly family: Family;
  readonly device: string;
  /** 0: any that is free. */
  readonly port: number;
  /** `device`: it, or the kernel on its behalf, makes them before the wire. */
  readonly checksums: "device" | "none";
};

/** Takes datagrams with and without a checksum. @throws KernelError ENODEV without the device, EADDRINUSE */
export function openDeviceUdp(
  netns: Netns | undefined,
  { family, device, port, checksums }: DeviceUdpPlace,
): UdpSocket {
  const bindToDevice: SocketOption = [1, 25, cstring(device)]; // SO_BINDTODEVICE
  const options = [
    bindToDevice,
    ...(family === "ipv6" ? [onlyIpv6, takesNoChecksum] : []),
    ...(checksums === "none" ? withoutChecksum[family] : []),
  ];
  const subject = `UDP port ${port} of ${device}`;
  return new UdpSocket(netns, { family, address: undefined, port, scope: 0, options, subject });
}
