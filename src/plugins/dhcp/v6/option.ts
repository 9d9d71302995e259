// The DHCPv6 options that this client understands: their codes and what their bytes mean (RFC 8415, section 21, and others).

import type { Codec } from "#codec/codec.ts";
import { named, presence, rest, u8, u16be, u32be } from "#codec/scalar.ts";
import { struct } from "#codec/struct.ts";
import type { Ip } from "#net/ip.ts";
import { ipv6Field } from "#net/udp-frame.ts";
import { searchList } from "#plugins/dhcp/search-list.ts";
import { clientFqdn } from "./client-fqdn.ts";
import { optionList } from "./option-list.ts";

/** RFC 8415, section 21.13. */
export const statusCodes = {
  success: 0,
  unspecFail: 1,
  noAddrsAvail: 2,
  noBinding: 3,
  notOnLink: 4,
  useMulticast: 5,
} as const;

const utf8 = new TextEncoder();
const utf8Decoder = new TextDecoder();

const text: Codec<string> = {
  encode: (writer, value) => writer.append(utf8.encode(value)),
  decode: (reader) => utf8Decoder.decode(reader.copy(reader.left)),
};

/** RFC 8415, section 21.4: an association for non-temporary addresses; T1 and T2 in seconds. */
export const iaNa = struct({ iaid: u32be, t1: u32be, t2: u32be, options: optionList });

/** RFC 8415, section 21.6; lifetimes in seconds. */
export const iaAddress = struct({ address: ipv6Field, preferred: u32be, valid: u32be, options: optionList });

export const status = struct({ code: named(u16be, statusCodes), message: text });

export const option = {
  clientId: { code: 1, codec: rest },
  serverId: { code: 2, codec: rest },
  iaNa: { code: 3, codec: iaNa },
  iaAddress: { code: 5, codec: iaAddress },
  request: { code: 6, codec: listOf(u16be) },
  preference: { code: 7, codec: u8 },
  /** Hundredths of a second since the exchange began. */
  elapsed: { code: 8, codec: u16be },
  status: { code: 13, codec: status },
  rapidCommit: { code: 14, codec: presence },
  /** RFC 3646, section 3 */
  dnsServers: { code: 23, codec: listOf<Ip>(ipv6Field) },
  /** RFC 3646, section 4 */
  searchList: { code: 24, codec: searchList },
  /** RFC 4704 */
  clientFqdn: { code: 39, codec: clientFqdn },
  /** RFC 8415, section 21.24; seconds */
  solMaxRt: { code: 82, codec: u32be },
} as const;

function listOf<T>(item: Codec<T>): Codec<readonly T[]> {
  return {
    encode: (writer, values) => {
      for (const value of values) item.encode(writer, value);
    },
    decode(reader) {
      const values: T[] = [];
      while (reader.left > 0) values.push(item.decode(reader));
      return values;
    },
  };
}
