// A UDP datagram in an Ethernet frame over IPv4 (RFC 768, RFC 791) or IPv6 (RFC 8200), without options or extensions.

import { type Codec, DecodeError, encode, type Infer, Reader } from "#codec/codec.ts";
import { fixed, mapped, u8, u16be, u32be } from "#codec/scalar.ts";
import { struct } from "#codec/struct.ts";
import { type Ip, ipBytes, ipFromBytes } from "./ip.ts";
import { type Mac, macBytes, macFromBytes } from "./mac.ts";

export type UdpFrame = {
  readonly srcMac: Mac;
  readonly dstMac: Mac;
  readonly src: Ip;
  readonly dst: Ip;
  readonly srcPort: number;
  readonly dstPort: number;
  readonly payload: Uint8Array;
};

export const macField: Codec<Mac> = mapped(fixed(6), macFromBytes, macBytes);
export const ipv4Field: Codec<Ip> = mapped(fixed(4), ipFromBytes, ipBytes);
export const ipv6Field: Codec<Ip> = mapped(fixed(16), ipFromBytes, ipBytes);

const ethernet = struct({ dst: macField, src: macField, type: u16be });
const ipv4 = struct({
  versionAndLength: u8,
  tos: u8,
  totalLength: u16be,
  id: u16be,
  fragment: u16be,
  ttl: u8,
  protocol: u8,
  checksum: u16be,
  src: ipv4Field,
  dst: ipv4Field,
});
const ipv6 = struct({
  versionAndFlow: u32be,
  payloadLength: u16be,
  nextHeader: u8,
  hopLimit: u8,
  src: ipv6Field,
  dst: ipv6Field,
});
const udp = struct({ srcPort: u16be, dstPort: u16be, length: u16be, checksum: u16be });

const etherIpv4 = 0x0800;
const etherIpv6 = 0x86dd;
const protocolUdp = 17;
const ipv4HeaderBytes = 20;
const udpHeaderBytes = 8;
const dontFragment = 0x4000;
const hops = 64;

/** Both addresses are of one family. Checksums are filled in. @throws RangeError when a field does not fit. */
export function encodeUdpFrame(frame: UdpFrame): Uint8Array {
  const isIpv6 = frame.src.includes(":");
  const length = udpHeaderBytes + frame.payload.length;
  const ports = { srcPort: frame.srcPort, dstPort: frame.dstPort, length };
  const pseudo = pseudoHeader(frame.src, frame.dst, length);
  const sum = checksum([pseudo, encode(udp, { ...ports, checksum: 0 }), frame.payload]);
  return Buffer.concat([
    encode(ethernet, { dst: frame.dstMac, src: frame.srcMac, type: isIpv6 ? etherIpv6 : etherIpv4 }),
    isIpv6 ? ipv6Header(frame, length) : ipv4Header(frame, length),
    // RFC 768: a sum of zero is sent as all ones, since zero says "no checksum".
    encode(udp, { ...ports, checksum: sum === 0 ? 0xffff : sum }),
    frame.payload,
  ]);
}

/**
 * Undefined for whatever else the frame holds, fragments included. The UDP checksum is not verified: a datagram from the same
 * machine still carries the unfinished one that a network card would have completed.
 */
export function decodeUdpFrame(bytes: Uint8Array): UdpFrame | undefined {
  const reader = new Reader(bytes);
  try {
    const link = ethernet.decode(reader);
    const ip = link.type === etherIpv4 ? readIpv4(reader) : link.type === etherIpv6 ? readIpv6(reader) : undefined;
    if (ip === undefined) return undefined;
    const { srcPort, dstPort, length } = udp.decode(ip.body);
    const payload = ip.body.copy(length - udpHeaderBytes);
    return { srcMac: link.src, dstMac: link.dst, src: ip.src, dst: ip.dst, srcPort, dstPort, payload };
  } catch (error) {
    if (error instanceof RangeError || error instanceof DecodeError) return undefined;
    throw error;
  }
}

/** The Internet checksum (RFC 1071) over pieces of which only the last may have an odd length. */
export function checksum(pieces: readonly Uint8Array[]): number {
  let sum = 0;
  for (const piece of pieces) {
    for (let i = 0; i < piece.length; i += 2) sum += ((piece[i] ?? 0) << 8) | (piece[i + 1] ?? 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}

type Body = { readonly src: Ip; readonly dst: Ip; readonly body: Reader };

function readIpv4(reader: Reader): Body | undefined {
  const start = reader.offset;
  const header = ipv4.decode(reader);
  const headerBytes = (header.versionAndLength & 0xf) * 4;
  if (header.versionAndLength >> 4 !== 4 || headerBytes < ipv4HeaderBytes) return undefined;
  // More fragments, or an offset: a piece of a datagram only.
  if (header.protocol !== protocolUdp || (header.fragment & 0x3fff) !== 0) return undefined;
  reader.take(headerBytes - ipv4HeaderBytes);
  if (checksum([reader.bytes.subarray(start, start + headerBytes)]) !== 0) return undefined;
  return { src: header.src, dst: header.dst, body: reader.sub(header.totalLength - headerBytes, "datagram") };
}

function readIpv6(reader: Reader): Body | undefined {
  const header = ipv6.decode(reader);
  if (header.versionAndFlow >>> 28 !== 6 || header.nextHeader !== protocolUdp) return undefined;
  return { src: header.src, dst: header.dst, body: reader.sub(header.payloadLength, "datagram") };
}

function ipv4Header(frame: UdpFrame, udpLength: number): Uint8Array {
  const header: Infer<typeof ipv4> = {
    versionAndLength: 0x45,
    tos: 0,
    totalLength: ipv4HeaderBytes + udpLength,
    id: 0,
    fragment: dontFragment,
    ttl: hops,
    protocol: protocolUdp,
    checksum: 0,
    src: frame.src,
    dst: frame.dst,
  };
  return encode(ipv4, { ...header, checksum: checksum([encode(ipv4, header)]) });
}

function ipv6Header(frame: UdpFrame, udpLength: number): Uint8Array {
  return encode(ipv6, {
    versionAndFlow: 0x60000000,
    payloadLength: udpLength,
    nextHeader: protocolUdp,
    hopLimit: hops,
    src: frame.src,
    dst: frame.dst,
  });
}

/** RFC 768 and RFC 8200, section 8.1: both families sum the same words here. */
function pseudoHeader(src: Ip, dst: Ip, length: number): Uint8Array {
  const tail = new Uint8Array([0, 0, 0, protocolUdp, 0, 0, length >> 8, length & 0xff]);
  return Buffer.concat([ipBytes(src), ipBytes(dst), tail]);
}
