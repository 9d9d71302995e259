// IP addresses as canonical strings: IPv4 dotted quad, IPv6 as RFC 5952 writes it.

import type { Brand } from "#base/brand.ts";

/** Canonical text of an IPv4 or IPv6 address, without zone: `10.0.0.1`, `fd00::1`. */
export type Ip = Brand<string, "Ip">;
export type Family = "ipv4" | "ipv6";
/** Both, in the order in which addresses are told. */
export const families: readonly Family[] = ["ipv4", "ipv6"];

/** @throws RangeError when `text` is not an address. */
export function ip(text: string): Ip {
  const parsed = parseIp(text);
  if (parsed === undefined) throw new RangeError(`"${text}" is not an IP address`);
  return parsed;
}

/** The address in its canonical form; undefined for what is none, zones and leading zeros included. */
export function parseIp(text: string): Ip | undefined {
  const bytes = text.includes(":") ? parseIpv6(text) : parseIpv4(text);
  return bytes === undefined ? undefined : ipFromBytes(bytes);
}

/** By its text alone: an `Ip` is canonical. */
export function familyOf(address: Ip): Family {
  return address.includes(":") ? "ipv6" : "ipv4";
}

/** 32 or 128. */
export function bitsOf(family: Family): number {
  return family === "ipv4" ? 32 : 128;
}

/** Network byte order, 4 or 16 bytes. */
export function ipBytes(address: Ip): Uint8Array {
  const bytes = address.includes(":") ? parseIpv6(address) : parseIpv4(address);
  if (bytes === undefined) throw new RangeError(`"${address}" is not an IP address`);
  return bytes;
}

/** @throws RangeError unless `bytes` has 4 or 16 bytes. */
export function ipFromBytes(bytes: Uint8Array): Ip {
  if (bytes.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}` as Ip;
  if (bytes.length === 16) return formatIpv6(bytes) as Ip;
  throw new RangeError(`An IP address has 4 or 16 bytes, not ${bytes.length}`);
}

/** The address as a number, in network byte order. */
export function ipToBigint(address: Ip): bigint {
  let n = 0n;
  for (const byte of ipBytes(address)) n = (n << 8n) | BigInt(byte);
  return n;
}

/** @throws RangeError when `n` does not fit the family. */
export function ipFromBigint(n: bigint, family: Family): Ip {
  const size = family === "ipv4" ? 4 : 16;
  if (n < 0n || n >> BigInt(size * 8) !== 0n) throw new RangeError(`${n} is outside the ${family} range`);
  const bytes = new Uint8Array(size);
  for (let i = size - 1, rest = n; i >= 0; i--, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
  return ipFromBytes(bytes);
}

/** The address `step` after (or before) this one. @throws RangeError past either end of the family. */
export function offsetIp(address: Ip, step: bigint | number): Ip {
  return ipFromBigint(ipToBigint(address) + BigInt(step), familyOf(address));
}

function parseIpv4(text: string): Uint8Array | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  const bytes = new Uint8Array(4);
  for (let i = 0; i < 4; i++) {
    const part = match[i + 1] ?? "";
    // A leading zero reads as octal in some parsers and as decimal in others (CVE-2021-29923): refused.
    if (part.length > 1 && part.startsWith("0")) return undefined;
    const value = Number(part);
    if (value > 255) return undefined;
    bytes[i] = value;
  }
  return bytes;
}

// Asked for several times for each address of a pod: nothing is made but the bytes.
function parseIpv6(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(16);
  let at = 0;
  let gap = text.startsWith("::") ? 0 : -1;
  for (let start = gap === 0 ? 2 : 0; start < text.length; ) {
    const colon = text.indexOf(":", start);
    const tail = colon < 0 && text.includes(".", start) ? parseIpv4(text.slice(start)) : undefined;
    if (tail !== undefined) {
      if (at > 12) return undefined;
      bytes.set(tail, at);
      at += 4;
      break;
    }
    const group = parseGroup(text, start, colon < 0 ? text.length : colon);
    if (group < 0 || at > 14) return undefined;
    bytes[at++] = group >> 8;
    bytes[at++] = group & 0xff;
    if (colon < 0) break;
    start = colon + 1;
    if (start === text.length) return undefined;
    if (text[start] !== ":") continue;
    if (gap >= 0) return undefined;
    gap = at;
    start++;
  }
  if (gap < 0) return at === 16 ? bytes : undefined;
  if (at > 14) return undefined;
  const end = 16 - (at - gap);
  bytes.copyWithin(end, gap, at);
  return bytes.fill(0, gap, end);
}

/** One to four hexadecimal digits; -1 for anything else. */
function parseGroup(text: string, start: number, end: number): number {
  if (end === start || end - start > 4) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const code = text.charCodeAt(i);
    const digit = code <= 0x39 ? code - 0x30 : (code | 0x20) - 0x61 + 10;
    const isLetter = code > 0x39;
    if (digit < (isLetter ? 10 : 0) || digit > (isLetter ? 15 : 9)) return -1;
    value = value * 16 + digit;
  }
  return value;
}

// RFC 5952: lower case, no leading zeros, the longest run of two or more zero groups (the first of equals) as "::",
// and (section 5) IPv4-mapped addresses in mixed notation.
function formatIpv6(bytes: Uint8Array): string {
  const group = (i: number) => ((bytes[i * 2] ?? 0) << 8) | (bytes[i * 2 + 1] ?? 0);
  let best = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let j = i;
    while (j < 8 && group(j) === 0) j++;
    if (j - i > bestLength) {
      best = i;
      bestLength = j - i;
    }
    i = Math.max(i, j - 1);
  }
  if (best === 0 && bestLength === 5 && group(5) === 0xffff) {
    return `::ffff:${bytes[12]}.${bytes[13]}.${bytes[14]}.${bytes[15]}`;
  }
  const hex = (from: number, to: number) => {
    const parts: string[] = [];
    for (let i = from; i < to; i++) parts.push(group(i).toString(16));
    return parts.join(":");
  };
  return best < 0 ? hex(0, 8) : `${hex(0, best)}::${hex(best + bestLength, 8)}`;
}
