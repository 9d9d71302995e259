// Addresses, hardware addresses and blocks as the packet path's maps hold them.

import type { Codec } from "#codec/codec.ts";
import { fixed, u32 } from "#codec/scalar.ts";
import { addressOf, type Cidr, familyOfCidr, joinIfAddr, lengthOf, networkOf } from "#net/cidr.ts";
import { familyOf, type Ip, ipBytes, ipFromBytes } from "#net/ip.ts";
import { type Mac, macBytes, macFromBytes } from "#net/mac.ts";

export const addressBytes = 16;
/** IPv4 addresses stand in ::ffff:0:0/96. */
const v4Prefix = Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);
export const v4PrefixBits = 96;

/** An address of either family (bpf/address.h); undefined is all zeros: none. */
export const address: Codec<Ip | undefined> = {
  encode(writer, value) {
    if (value === undefined) writer.reserve(addressBytes);
    else {
      if (familyOf(value) === "ipv4") writer.append(v4Prefix);
      writer.append(ipBytes(value));
    }
  },
  decode(reader) {
    const all = reader.copy(addressBytes);
    if (all.every((byte) => byte === 0)) return undefined;
    const isV4 = v4Prefix.every((byte, index) => all[index] === byte);
    return ipFromBytes(isV4 ? all.subarray(v4Prefix.length) : all);
  },
};

/** One that is there: all zeros are the unspecified IPv6 address. */
export const someAddress: Codec<Ip> = {
  encode: (writer, value) => address.encode(writer, value),
  decode: (reader) => address.decode(reader) ?? ipFromBytes(new Uint8Array(addressBytes)),
};

export const macOf: Codec<Mac> = {
  encode: (writer, value) => writer.append(macBytes(value)),
  decode: (reader) => macFromBytes(fixed(6).decode(reader)),
};

/** A block of addresses (bpf/peers.h): its length counts from the IPv6 form. */
export const block: Codec<Cidr> = {
  encode(writer, value) {
    const offset = familyOfCidr(value) === "ipv4" ? v4PrefixBits : 0;
    u32.encode(writer, lengthOf(value) + offset);
    address.encode(writer, addressOf(value));
  },
  decode(reader) {
    const length = u32.decode(reader);
    const base = someAddress.decode(reader);
    const isV4 = familyOf(base) === "ipv4";
    return networkOf(joinIfAddr(base, isV4 ? length - v4PrefixBits : length));
  },
};
