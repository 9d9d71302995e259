// Address blocks (`Cidr`, host bits zero) and interface addresses (`IfAddr`, an address with its prefix length).

import type { Brand } from "#base/brand.ts";
import { bitsOf, type Family, familyOf, type Ip, ipBytes, ipFromBigint, ipToBigint, parseIp } from "./ip.ts";

/** A block with its host bits zero, canonical: `10.0.0.0/8`, `fd00::/64`. */
export type Cidr = Brand<string, "Cidr">;
/** An address as an interface carries it, host bits kept: `10.1.2.3/24`. */
export type IfAddr = Brand<string, "IfAddr">;

/** @throws RangeError when `text` is no block or has host bits set. */
export function cidr(text: string): Cidr {
  const address = ifAddr(text);
  const block = networkOf(address);
  if (block !== (address as string)) throw new RangeError(`"${text}" has host bits set: the block is ${block}`);
  return block;
}

/** @throws RangeError when `text` is not `address/length`. */
export function ifAddr(text: string): IfAddr {
  const parsed = parseIfAddr(text);
  if (parsed === undefined) throw new RangeError(`"${text}" is not an address with a prefix length, like 10.1.2.3/24`);
  return parsed;
}

/** `10.1.2.3/24`; undefined for anything else. */
export function parseIfAddr(text: string): IfAddr | undefined {
  const slash = text.indexOf("/");
  if (slash < 0) return undefined;
  const address = parseIp(text.slice(0, slash));
  const length = text.slice(slash + 1);
  if (address === undefined || !/^\d{1,3}$/.test(length) || (length.length > 1 && length.startsWith("0")))
    return undefined;
  if (Number(length) > bitsOf(familyOf(address))) return undefined;
  return `${address}/${length}` as IfAddr;
}

/** @throws RangeError when `length` does not fit the address's family. */
export function joinIfAddr(address: Ip, length: number): IfAddr {
  if (!Number.isInteger(length) || length < 0 || length > bitsOf(familyOf(address))) {
    throw new RangeError(`A prefix length of ${length} does not fit ${address}`);
  }
  return `${address}/${length}` as IfAddr;
}

/** The whole address as a block: /32 or /128. */
export function hostCidr(address: Ip): Cidr {
  return `${address}/${bitsOf(familyOf(address))}` as Cidr;
}

/** The whole address as an interface carries it, without a network around it: /32 or /128. */
export function hostIfAddr(address: Ip): IfAddr {
  return joinIfAddr(address, bitsOf(familyOf(address)));
}

/** The address part. */
export function addressOf(prefix: Cidr | IfAddr): Ip {
  return prefix.slice(0, prefix.indexOf("/")) as Ip;
}

/** The prefix length. */
export function lengthOf(prefix: Cidr | IfAddr): number {
  return Number(prefix.slice(prefix.indexOf("/") + 1));
}

/** The family of a block or of an interface address. */
export function familyOfCidr(prefix: Cidr | IfAddr): Family {
  return familyOf(addressOf(prefix));
}

/** The block that contains this interface address. */
export function networkOf(address: IfAddr | Cidr): Cidr {
  const family = familyOfCidr(address);
  const hostBits = BigInt(bitsOf(family) - lengthOf(address));
  const base = (ipToBigint(addressOf(address)) >> hostBits) << hostBits;
  return `${ipFromBigint(base, family)}/${lengthOf(address)}` as Cidr;
}

/** The lowest and the highest address of the block, as numbers. */
export function boundsOf(block: Cidr | IfAddr): { readonly first: bigint; readonly last: bigint } {
  const first = ipToBigint(addressOf(networkOf(block)));
  return { first, last: first + (1n << BigInt(bitsOf(familyOfCidr(block)) - lengthOf(block))) - 1n };
}

/** Whether an address is in a block; never one of the other family. */
export function contains(block: Cidr, address: Ip): boolean {
  const family = familyOf(address);
  if (familyOfCidr(block) !== family) return false;
  const hostBits = bitsOf(family) - lengthOf(block);
  if (family === "ipv4") {
    // Asked for every peer of every policy: numbers are several times as quick as bigints.
    const size = 2 ** hostBits;
    return Math.floor(ipv4ToNumber(addressOf(block)) / size) === Math.floor(ipv4ToNumber(address) / size);
  }
  const [bytes, others] = [ipBytes(addressOf(block)), ipBytes(address)];
  return bytes.every((byte, i) => {
    const free = Math.min(8, Math.max(0, hostBits - 8 * (bytes.length - 1 - i)));
    return byte >> free === (others[i] ?? 0) >> free;
  });
}

function ipv4ToNumber(address: Ip): number {
  let number = 0;
  for (const part of address.split(".")) number = number * 256 + Number(part);
  return number;
}

/** Whether two blocks have an address in common: then one contains the other. */
export function overlaps(a: Cidr, b: Cidr): boolean {
  return contains(a, addressOf(b)) || contains(b, addressOf(a));
}

/** `0.0.0.0/0` or `::/0`. */
export function defaultCidr(family: Family): Cidr {
  return (family === "ipv4" ? "0.0.0.0/0" : "::/0") as Cidr;
}

/** Whether it is all addresses of its family. */
export function isDefault(block: Cidr): boolean {
  return block === "0.0.0.0/0" || block === "::/0";
}
