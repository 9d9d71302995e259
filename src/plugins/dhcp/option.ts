// The DHCPv4 options that this client understands: their codes (RFC 2132 and others) and what their bytes mean.

import { type Codec, decode, encode } from "#codec/codec.ts";
import { named, rest, u8, u16be, u32be } from "#codec/scalar.ts";
import type { Ip } from "#net/ip.ts";
import { ipv4Field } from "#net/udp-frame.ts";
import { classlessRoutes, staticRoutes } from "./classless-routes.ts";
import type { OptionList } from "./option-list.ts";
import { searchList } from "./search-list.ts";

export type Option<T> = { readonly code: number; readonly codec: Codec<T> };

export const messageTypes = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
  inform: 8,
} as const;

const ipList: Codec<readonly Ip[]> = {
  encode: (writer, addresses) => {
    for (const address of addresses) ipv4Field.encode(writer, address);
  },
  decode(reader) {
    const addresses: Ip[] = [];
    while (reader.left > 0) addresses.push(ipv4Field.decode(reader));
    return addresses;
  },
};

const utf8 = new TextEncoder();
const utf8Decoder = new TextDecoder();

/** RFC 2132, section 2: text should come without a final zero, and does not always. */
const text: Codec<string> = {
  encode: (writer, value) => writer.append(utf8.encode(value)),
  decode: (reader) => utf8Decoder.decode(reader.copy(reader.left)).replace(/\0+$/, ""),
};

export const option = {
  subnetMask: { code: 1, codec: ipv4Field },
  routers: { code: 3, codec: ipList },
  dnsServers: { code: 6, codec: ipList },
  hostName: { code: 12, codec: text },
  domainName: { code: 15, codec: text },
  interfaceMtu: { code: 26, codec: u16be },
  staticRoutes: { code: 33, codec: staticRoutes },
  requestedAddress: { code: 50, codec: ipv4Field },
  leaseSeconds: { code: 51, codec: u32be },
  messageType: { code: 53, codec: named(u8, messageTypes) },
  serverId: { code: 54, codec: ipv4Field },
  parameterList: { code: 55, codec: rest },
  message: { code: 56, codec: text },
  maxMessageBytes: { code: 57, codec: u16be },
  renewSeconds: { code: 58, codec: u32be },
  rebindSeconds: { code: 59, codec: u32be },
  vendorClass: { code: 60, codec: text },
  clientId: { code: 61, codec: rest },
  userClass: { code: 77, codec: text },
  /** RFC 3397 */
  searchList: { code: 119, codec: searchList },
  /** RFC 3442 */
  classlessRoutes: { code: 121, codec: classlessRoutes },
} as const;

/** The option's value; undefined when the message has none. @throws DecodeError when its bytes do not follow the format. */
export function readOption<T>(options: OptionList, { code, codec }: Option<T>): T | undefined {
  const bytes = options.get(code);
  return bytes === undefined ? undefined : decode(codec, bytes, `option ${code}`);
}

export function writeOption<T>({ code, codec }: Option<T>, value: T): readonly [number, Uint8Array] {
  return [code, encode(codec, value)];
}
