// Routes in DHCPv4 options: classless (121, RFC 3442) and classful (33, RFC 2132, section 5.8).

import type { Codec } from "#codec/codec.ts";
import { u8 } from "#codec/scalar.ts";
import { addressOf, type Cidr, joinIfAddr, lengthOf, networkOf } from "#net/cidr.ts";
import { type Ip, ipBytes, ipFromBytes } from "#net/ip.ts";
import { ipv4Field } from "#net/udp-frame.ts";

export type OptionRoute = { readonly dst: Cidr; readonly gw: Ip };

/** Prefix length, the bytes of the destination that the prefix touches, gateway. */
export const classlessRoutes: Codec<readonly OptionRoute[]> = {
  encode(writer, routes) {
    for (const { dst, gw } of routes) {
      u8.encode(writer, lengthOf(dst));
      writer.append(ipBytes(addressOf(dst)).subarray(0, significantBytes(lengthOf(dst))));
      ipv4Field.encode(writer, gw);
    }
  },
  decode(reader) {
    const routes: OptionRoute[] = [];
    while (reader.left > 0) {
      const length = u8.decode(reader);
      if (length > 32) reader.fail(`a prefix length of ${length} is over 32`);
      const bytes = new Uint8Array(4);
      bytes.set(reader.copy(significantBytes(length)));
      const dst = networkOf(joinIfAddr(ipFromBytes(bytes), length));
      routes.push({ dst, gw: ipv4Field.decode(reader) });
    }
    return routes;
  },
};

/** Pairs of destination and gateway; the prefix length follows from the destination's class. */
export const staticRoutes: Codec<readonly OptionRoute[]> = {
  encode(writer, routes) {
    for (const { dst, gw } of routes) {
      ipv4Field.encode(writer, addressOf(dst));
      ipv4Field.encode(writer, gw);
    }
  },
  decode(reader) {
    const routes: OptionRoute[] = [];
    while (reader.left > 0) {
      const destination = ipv4Field.decode(reader);
      const dst = networkOf(joinIfAddr(destination, classLength(destination)));
      routes.push({ dst, gw: ipv4Field.decode(reader) });
    }
    return routes;
  },
};

function significantBytes(prefixLength: number): number {
  return Math.ceil(prefixLength / 8);
}

/** RFC 791, section 3.2: classes A, B and C; anything above names one host. */
function classLength(address: Ip): number {
  const first = ipBytes(address)[0] ?? 0;
  if (first < 128) return 8;
  if (first < 192) return 16;
  return first < 224 ? 24 : 32;
}
