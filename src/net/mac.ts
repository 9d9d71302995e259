// Hardware addresses as canonical strings: six bytes, lower-case hex, colons.

import type { Brand } from "#base/brand.ts";

/** `02:42:ac:11:00:02` */
export type Mac = Brand<string, "Mac">;

/** Accepts colons or dashes and either case. @throws RangeError when `text` is not six bytes. */
export function mac(text: string): Mac {
  const parsed = parseMac(text);
  if (parsed === undefined) throw new RangeError(`"${text}" is not a hardware address like 02:42:ac:11:00:02`);
  return parsed;
}

/** Six bytes in hexadecimal, with colons or hyphens; undefined for anything else. */
export function parseMac(text: string): Mac | undefined {
  if (!/^[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}$/.test(text)) return undefined;
  return text.toLowerCase().replaceAll("-", ":") as Mac;
}

/** Whether one interface can have it: it is no group's (IEEE 802, the lowest bit of the first byte), and not zero. */
export function isInterfaceMac(address: Mac): boolean {
  const [first = 0, ...rest] = macBytes(address);
  return (first & 1) === 0 && [first, ...rest].some((byte) => byte !== 0);
}

/** Six bytes, in the order of the text. */
export function macBytes(address: Mac): Uint8Array {
  return Uint8Array.from(address.split(":"), (part) => Number.parseInt(part, 16));
}

/** @throws RangeError unless `bytes` has 6 bytes. */
export function macFromBytes(bytes: Uint8Array): Mac {
  if (bytes.length !== 6) throw new RangeError(`A hardware address has 6 bytes, not ${bytes.length}`);
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":") as Mac;
}

/** A random unicast address with the locally-administered bit set. `random` fills the array, as `crypto.getRandomValues` does. */
export function randomMac(random: (bytes: Uint8Array) => Uint8Array): Mac {
  const bytes = random(new Uint8Array(6));
  bytes[0] = ((bytes[0] ?? 0) & 0xfe) | 0x02;
  return macFromBytes(bytes);
}
