// Packets for tests of the packet path: Ethernet, IPv4 or IPv6, and a payload that tells them apart.

import { familyOf, ip, ipBytes } from "#net/ip.ts";
import { mac, macBytes } from "#net/mac.ts";

export type TestPacket = {
  readonly from: string;
  readonly to: string;
  readonly ttl?: number;
  readonly sourceMac?: string;
  readonly destinationMac?: string;
  /** UDP unless told. */
  readonly protocol?: number;
  readonly payloadBytes?: number;
};

const ethernetBytes = 14;
const udp = 17;

/** The bytes of a packet, its checksum right. */
export function packetBytes(packet: TestPacket): Uint8Array {
  const { from, to, ttl = 64, protocol = udp, payloadBytes = 32 } = packet;
  const isV6 = familyOf(ip(to)) === "ipv6";
  const headerBytes = isV6 ? 40 : 20;
  const bytes = new Uint8Array(ethernetBytes + headerBytes + payloadBytes);
  bytes.set(macBytes(mac(packet.destinationMac ?? "00:00:00:00:00:00")), 0);
  bytes.set(macBytes(mac(packet.sourceMac ?? "02:00:00:00:00:01")), 6);
  const view = new DataView(bytes.buffer);
  view.setUint16(12, isV6 ? 0x86dd : 0x0800);
  if (isV6) {
    view.setUint8(14, 0x60);
    view.setUint16(18, payloadBytes);
    view.setUint8(20, protocol);
    view.setUint8(21, ttl);
    bytes.set(ipBytes(ip(from)), 22);
    bytes.set(ipBytes(ip(to)), 38);
  } else {
    view.setUint8(14, 0x45);
    view.setUint16(16, headerBytes + payloadBytes);
    view.setUint8(22, ttl);
    view.setUint8(23, protocol);
    bytes.set(ipBytes(ip(from)), 26);
    bytes.set(ipBytes(ip(to)), 30);
    view.setUint16(24, headerChecksum(view, 14, headerBytes));
  }
  return bytes;
}

/** What a packet says, as one line: `10.0.0.1 > 10.0.0.2 ttl 63 mac 02:… > 02:…`; "checksum wrong" when it is. */
export function showPacket(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const macs = `mac ${hex(bytes.subarray(6, 12))} > ${hex(bytes.subarray(0, 6))}`;
  if (view.getUint16(12) === 0x86dd) return `ttl ${view.getUint8(21)} ${macs}`;
  const wrong = headerChecksum(view, 14, 20) === 0 ? "" : " checksum wrong";
  return `ttl ${view.getUint8(22)} ${macs}${wrong}`;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}

/** RFC 1071; 0 over a header whose checksum is right. */
function headerChecksum(view: DataView, start: number, length: number): number {
  let sum = 0;
  for (let at = 0; at < length; at += 2) sum += view.getUint16(start + at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
