// Packets with transports for tests of the packet path: made and read as one line of text, every checksum made and checked.
//
//   tcp 10.244.0.1:5000 > 10.96.0.1:80 S
//   udp [fd00::1]:53 > [fd00::2]:5353
//   icmp 10.0.0.1 > 10.0.0.2 echo 7            icmp 10.0.0.9 > 10.0.0.2 error 3/4 (udp 10.0.0.2:5 > 10.0.0.1:53)

import { expect } from "bun:test";
import { familyOf, type Ip, ip, ipBytes, ipFromBytes } from "#net/ip.ts";

const ethernetBytes = 14;
const protocols = { tcp: 6, udp: 17, sctp: 132, icmp: 1 } as const;
type Transport = keyof typeof protocols;
const icmpV6 = 58;
const tcpFlags: Readonly<Record<string, number>> = { F: 1, S: 2, R: 4, A: 16 };

type End = { readonly address: Ip; readonly port: number };
export type SegmentOptions = {
  /** IPv4's identification, or the fragment header's. */
  readonly fragment?: { readonly id: number; readonly offset: number; readonly more: boolean };
  readonly payload?: Uint8Array;
  /** Of TCP; 0 unless given. */
  readonly numbers?: { readonly sequence: number; readonly acknowledged?: number };
  /** IPv4's DF. */
  readonly isWhole?: boolean;
};

/** The bytes of what the text says. */
export function segment(
  text: string,
  { fragment, payload = new Uint8Array(16).fill(7), numbers, isWhole = false }: SegmentOptions = {},
): Uint8Array {
  const { transport, from, to, rest, quoted } = parse(text);
  const v6 = familyOf(from.address) === "ipv6";
  const later = fragment !== undefined && fragment.offset > 0;
  const body = later ? payload : transportBytes(transport, from, to, rest, quoted, payload, v6, numbers);
  const extension =
    v6 && fragment !== undefined ? fragmentHeader(protocolOf(transport, v6), fragment) : new Uint8Array(0);
  const header = v6
    ? v6Header(from, to, transport, body.length, extension)
    : v4Header(from, to, transport, body.length, fragment, isWhole);
  const bytes = new Uint8Array(ethernetBytes + header.length + extension.length + body.length);
  // The loopback device's own, for which programs are told to work.
  bytes.set([0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1, ...(v6 ? [0x86, 0xdd] : [0x08, 0])]);
  bytes.set(header, ethernetBytes);
  bytes.set(extension, ethernetBytes + header.length);
  bytes.set(body, ethernetBytes + header.length + extension.length);
  return bytes;
}

/** The text of a frame without options; a checksum that is wrong fails the test. */
export function showSegment(frame: Uint8Array): string {
  return showIp(frame.subarray(ethernetBytes), true);
}

function showIp(bytes: Uint8Array, whole: boolean): string {
  const v6 = (bytes[0] ?? 0) >> 4 === 6;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const headerBytes = v6 ? 40 : 20;
  if (!v6) expect([sumOf(bytes.subarray(0, 20)), "checksum of IPv4"]).toEqual([0, "checksum of IPv4"]);
  const addresses = v6 ? [bytes.slice(8, 24), bytes.slice(24, 40)] : [bytes.slice(12, 16), bytes.slice(16, 20)];
  const [from, to] = addresses.map(ipFromBytes) as [Ip, Ip];
  const offset = v6 ? 0 : view.getUint16(6) & 0x1fff;
  const number = view.getUint8(v6 ? 6 : 9);
  const transport = nameOf(number === icmpV6 ? 1 : number);
  if (offset > 0) return `${transport} ${from} > ${to} fragment`;
  const body = bytes.subarray(headerBytes);
  const isWhole = whole && (v6 || (view.getUint16(6) & 0x3fff) === 0);
  if (isWhole && number !== protocols.sctp) {
    const pseudo = number === protocols.icmp ? [] : [pseudoOf(addresses, number, body.length)];
    expect([sumOf(...pseudo, body), `checksum of ${transport}`]).toEqual([0, `checksum of ${transport}`]);
  }
  const inner = new DataView(body.buffer, body.byteOffset, body.length);
  if (transport === "icmp") {
    const type = inner.getUint8(0);
    if (v6 ? type >= 128 : type === 0 || type === 8) {
      return `icmp ${from} > ${to} ${type === 8 || type === 128 ? "echo" : "answer"} ${inner.getUint16(4)}`;
    }
    return `icmp ${from} > ${to} error ${type}/${inner.getUint8(1)} (${showIp(body.subarray(8), false)})`;
  }
  const ends = `${place(from, inner.getUint16(0))} > ${place(to, inner.getUint16(2))}`;
  const flags = transport === "tcp" && body.length > 13 ? flagText(inner.getUint8(13)) : "";
  return `${transport} ${ends}${flags === "" ? "" : ` ${flags}`}`;
}

function parse(text: string) {
  const [, name = "", from = "", to = "", rest = ""] = /^(\w+) (\S+) > (\S+) ?(.*)$/.exec(text) ?? [];
  const quoted = /\((.*)\)$/.exec(rest)?.[1];
  return { transport: name as Transport, from: endOf(from), to: endOf(to), rest, quoted };
}

function endOf(text: string): End {
  const bracketed = /^\[(.*)\]:(\d+)$/.exec(text);
  if (bracketed !== null) return { address: ip(bracketed[1] ?? ""), port: Number(bracketed[2]) };
  const [address = "", port] = text.includes(".") ? text.split(":") : [text];
  return { address: ip(address), port: Number(port ?? 0) };
}

function place(address: Ip, port: number): string {
  return familyOf(address) === "ipv6" ? `[${address}]:${port}` : `${address}:${port}`;
}

function flagText(flags: number): string {
  return Object.entries(tcpFlags)
    .map(([letter, bit]) => ((flags & bit) === 0 ? "" : letter))
    .join("");
}

function transportBytes(
  transport: Transport,
  from: End,
  to: End,
  rest: string,
  quoted: string | undefined,
  payload: Uint8Array,
  v6: boolean,
  numbers: SegmentOptions["numbers"],
): Uint8Array {
  const headBytes = { tcp: 20, udp: 8, sctp: 12, icmp: 8 }[transport];
  const content = quoted === undefined ? payload : segment(quoted).slice(ethernetBytes);
  const body = new Uint8Array(headBytes + content.length);
  body.set(content, headBytes);
  const view = new DataView(body.buffer);
  if (transport === "icmp") {
    const [kind = "", what = ""] = rest.split(" ");
    if (kind === "error") body.set(what.split("/").map(Number));
    else {
      view.setUint8(0, kind === "echo" ? (v6 ? 128 : 8) : v6 ? 129 : 0);
      view.setUint16(4, Number(what));
    }
  } else {
    view.setUint16(0, from.port);
    view.setUint16(2, to.port);
  }
  if (transport === "tcp") {
    view.setUint32(4, numbers?.sequence ?? 0);
    view.setUint32(8, numbers?.acknowledged ?? 0);
    view.setUint8(12, 0x50);
    view.setUint8(
      13,
      [...rest].reduce((flags, letter) => flags | (tcpFlags[letter] ?? 0), 0),
    );
  }
  if (transport === "udp") view.setUint16(4, body.length);
  const at = { tcp: 16, udp: 6, icmp: 2, sctp: undefined }[transport];
  if (at === undefined) return body;
  const number = protocolOf(transport, v6);
  const addresses = [from, to].map(({ address }) => ipBytes(address));
  view.setUint16(at, sumOf(...(number === protocols.icmp ? [] : [pseudoOf(addresses, number, body.length)]), body));
  return body;
}

function v4Header(
  from: End,
  to: End,
  transport: Transport,
  length: number,
  fragment: SegmentOptions["fragment"],
  isWhole: boolean,
): Uint8Array {
  const header = new Uint8Array(20);
  const view = new DataView(header.buffer);
  view.setUint8(0, 0x45);
  view.setUint16(2, 20 + length);
  view.setUint16(4, fragment?.id ?? 0);
  if (fragment !== undefined) view.setUint16(6, (fragment.more ? 0x2000 : 0) | (fragment.offset / 8));
  if (isWhole) view.setUint16(6, view.getUint16(6) | 0x4000);
  header.set([64, protocols[transport]], 8);
  header.set(ipBytes(from.address), 12);
  header.set(ipBytes(to.address), 16);
  view.setUint16(10, sumOf(header));
  return header;
}

function v6Header(from: End, to: End, transport: Transport, length: number, extension: Uint8Array): Uint8Array {
  const header = new Uint8Array(40);
  const view = new DataView(header.buffer);
  view.setUint8(0, 0x60);
  view.setUint16(4, length + extension.length);
  header.set([extension.length > 0 ? 44 : protocolOf(transport, true), 64], 6);
  header.set(ipBytes(from.address), 8);
  header.set(ipBytes(to.address), 24);
  return header;
}

function fragmentHeader(next: number, { id, offset, more }: NonNullable<SegmentOptions["fragment"]>): Uint8Array {
  const header = new Uint8Array(8);
  const view = new DataView(header.buffer);
  view.setUint8(0, next);
  view.setUint16(2, offset | (more ? 1 : 0));
  view.setUint32(4, id);
  return header;
}

function protocolOf(transport: Transport, v6: boolean): number {
  return transport === "icmp" && v6 ? icmpV6 : protocols[transport];
}

function nameOf(number: number): string {
  return Object.entries(protocols).find(([, value]) => value === number)?.[0] ?? `protocol-${number}`;
}

function pseudoOf(addresses: readonly Uint8Array[], protocol: number, length: number): Uint8Array {
  return Uint8Array.from([...addresses.flatMap((address) => [...address]), 0, protocol, length >> 8, length & 0xff]);
}

/** RFC 1071, over parts of which only the last may be of odd length; 0 over what has its right checksum. */
function sumOf(...parts: readonly Uint8Array[]): number {
  let sum = 0;
  for (const part of parts)
    part.forEach((byte, index) => {
      sum += index % 2 === 0 ? byte << 8 : byte;
    });
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}
