// The maps of the packet path as plain data: one format per map, as the headers under bpf/ declare them.

import type { MapFormat } from "#bpf/map.ts";
import type { Codec } from "#codec/codec.ts";
import { fixed, padding, u16, u32, u64 } from "#codec/scalar.ts";
import { struct } from "#codec/struct.ts";
import { addressOf, type Cidr, familyOfCidr, joinIfAddr, lengthOf, networkOf } from "#net/cidr.ts";
import { familyOf, type Ip, ipBytes, ipFromBytes } from "#net/ip.ts";
import { type Mac, macBytes, macFromBytes } from "#net/mac.ts";

const addressBytes = 16;
/** IPv4 addresses stand in ::ffff:0:0/96. */
const v4Prefix = Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);
const v4PrefixBits = 96;

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

const someAddress: Codec<Ip> = {
  encode: (writer, value) => address.encode(writer, value),
  decode: (reader) => address.decode(reader) ?? ipFromBytes(new Uint8Array(addressBytes)),
};

const macOf: Codec<Mac> = {
  encode: (writer, value) => writer.append(macBytes(value)),
  decode: (reader) => macFromBytes(fixed(6).decode(reader)),
};

/** A block of addresses (bpf/peers.h): its length counts from the IPv6 form. */
const block: Codec<Cidr> = {
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

function format<K, V>(
  name: string,
  key: Codec<K>,
  keySize: number,
  value: Codec<V>,
  valueSize: number,
): MapFormat<K, V> {
  return { name, key, keySize, value, valueSize };
}

/** Pods of this node, by address (bpf/endpoints.h). */
export const endpointsFormat = format(
  "endpoints",
  someAddress,
  addressBytes,
  struct({ ifindex: u32, id: u16, mtu: u16, mac: macOf, hostMac: macOf }),
  20,
);

/** What a pod may send as, by the host's end of its link (bpf/endpoints.h). */
export const sourcesFormat = format(
  "sources",
  u32,
  4,
  // A field whose value may be undefined is no field of `struct`: both addresses are one codec.
  struct({ addresses: pair(), id: u16, pad: padding(2) }),
  36,
);

function pair(): Codec<{ readonly ipv4: Ip | undefined; readonly ipv6: Ip | undefined }> {
  return {
    encode(writer, { ipv4, ipv6 }) {
      address.encode(writer, ipv4);
      address.encode(writer, ipv6);
    },
    decode: (reader) => ({ ipv4: address.decode(reader), ipv6: address.decode(reader) }),
  };
}

export const peerTunnel = 1;

/** Where pods of other nodes are, by block (bpf/peers.h). */
export const peersFormat = format("peers", block, 20, struct({ node: someAddress, mac: macOf, flags: u16 }), 24);

export const settingKernelTranslates = 1;

/** What the node has once (bpf/settings.h). */
export const settingsFormat = format(
  "settings",
  u32,
  4,
  struct({ tunnelIfindex: u32, tunnelId: u32, tunnelMac: macOf, flags: u16 }),
  16,
);

/** Outcomes in the order of `enum outcome` (bpf/counters.h). */
export const outcomes = [
  "forward-local",
  "forward-tunnel",
  "forward-kernel",
  "drop-malformed",
  "drop-source",
  "drop-tunnel-source",
  "drop-no-endpoint",
  "drop-tunnel-key",
] as const;

export type Outcome = (typeof outcomes)[number];

/** Per processor, by the number of the outcome (bpf/counters.h). */
export const countersFormat = format("counters", u32, 4, struct({ packets: u64, bytes: u64 }), 16);

export const formats = [endpointsFormat, sourcesFormat, peersFormat, settingsFormat, countersFormat] as const;
