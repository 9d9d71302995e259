// Elements of the map of frontends, read where they lie: the comparison looks at tens of thousands, and must leave no garbage.

import { type Ip, ipFromBytes } from "#net/ip.ts";
import { type ChoiceRow, type FrontendRow, frontendKey } from "./row.ts";

const addressBytes = 16;
const v4Start = 12;

/** `frontendKey` of the key that begins at `at` (bpf/services.h, struct frontend_key). */
export function frontendKeyAt(keys: DataView, at: number): string {
  const port = keys.getUint16(at + addressBytes);
  return frontendKey({ address: addressAt(keys, at), protocol: keys.getUint8(at + addressBytes + 2), port });
}

/** Whether the value that begins at `at` is the row's (struct frontend). */
export function isFrontendAt(values: DataView, at: number, row: FrontendRow): boolean {
  return (
    values.getUint32(at, true) === row.group &&
    values.getUint32(at + 4, true) === row.affinitySeconds &&
    isChoiceAt(values, at + 8, row.inside) &&
    isChoiceAt(values, at + 16, row.outside)
  );
}

function isChoiceAt(values: DataView, at: number, { set, count, flags }: ChoiceRow): boolean {
  return (
    values.getUint32(at, true) === set &&
    values.getUint16(at + 4, true) === count &&
    values.getUint16(at + 6, true) === flags
  );
}

/** IPv4 addresses stand in ::ffff:0:0/96. */
function addressAt(bytes: DataView, at: number): Ip {
  const isV4 = bytes.getBigUint64(at) === 0n && bytes.getUint32(at + 8) === 0xffff;
  if (!isV4) return ipFromBytes(new Uint8Array(bytes.buffer, bytes.byteOffset + at, addressBytes));
  const start = at + v4Start;
  const [a, b, c, d] = [
    bytes.getUint8(start),
    bytes.getUint8(start + 1),
    bytes.getUint8(start + 2),
    bytes.getUint8(start + 3),
  ];
  return `${a}.${b}.${c}.${d}` as Ip;
}
