// Services as the maps of bpf/services.h hold them.

import { mapFormat } from "#bpf/map.ts";
import type { Codec } from "#codec/codec.ts";
import { padding, u8, u16, u16be, u32, u64 } from "#codec/scalar.ts";
import { struct } from "#codec/struct.ts";
import { addressOf, type Cidr, familyOfCidr, joinIfAddr, lengthOf, networkOf } from "#net/cidr.ts";
import { familyOf } from "#net/ip.ts";
import { addressBytes, someAddress, v4PrefixBits } from "./address-format.ts";

/** Bits of a choice's `flags`. */
export const choiceFlags = { maglev: 1, sourceRanges: 2, drop: 4, directReturn: 8 } as const;

const choice = struct({ set: u32, count: u16, flags: u16 });
const slotKey = struct({ set: u32, slot: u32 });

/** What clients ask; port 0 with protocol 0: all that the address has no other frontend for is refused. */
export const frontendsFormat = mapFormat({
  name: "frontends",
  key: struct({ address: someAddress, port: u16be, protocol: u8, pad: padding(1) }),
  keySize: addressBytes + 4,
  value: struct({ service: u32, affinitySeconds: u32, inside: choice, outside: choice }),
  valueSize: 24,
});

/** Numbers of backends, by set and slot. */
export const slotsFormat = mapFormat({
  name: "slots",
  key: slotKey,
  keySize: 8,
  value: u32,
  valueSize: 4,
});

/** Who answers, by a number that no other endpoint of any service has. */
export const backendsFormat = mapFormat({
  name: "backends",
  key: u32,
  keySize: 4,
  value: struct({ address: someAddress, port: u16be, flags: u16, service: u32 }),
  valueSize: 24,
});

export const maglevBuckets = 16_384;
export const maglevChunk = 64;

const chunk: Codec<readonly number[]> = {
  encode(writer, value) {
    for (let index = 0; index < maglevChunk; index++) u16.encode(writer, value[index] ?? 0);
  },
  decode: (reader) => Array.from({ length: maglevChunk }, () => u16.decode(reader)),
};

/** Slots by bucket, `maglevChunk` buckets an entry; the key's `slot` is the chunk's number. */
export const maglevFormat = mapFormat({
  name: "maglev",
  key: slotKey,
  keySize: 8,
  value: chunk,
  valueSize: 2 * maglevChunk,
});

const serviceBits = 32;

/** Clients that a service is for. */
const sourceRange: Codec<{ readonly service: number; readonly block: Cidr }> = {
  encode(writer, { service, block }) {
    const offset = familyOfCidr(block) === "ipv4" ? v4PrefixBits : 0;
    u32.encode(writer, serviceBits + offset + lengthOf(block));
    u32.encode(writer, service);
    someAddress.encode(writer, addressOf(block));
  },
  decode(reader) {
    const length = u32.decode(reader) - serviceBits;
    const service = u32.decode(reader);
    const base = someAddress.decode(reader);
    const own = familyOf(base) === "ipv4" ? length - v4PrefixBits : length;
    return { service, block: networkOf(joinIfAddr(base, own)) };
  },
};

export const sourceRangesFormat = mapFormat({
  name: "source_ranges",
  key: sourceRange,
  keySize: 24,
  value: u32,
  valueSize: 4,
});

/** Which backend a client stays with; `seen` in seconds of the monotonic clock. */
export const affinitiesFormat = mapFormat({
  name: "affinities",
  key: struct({ client: someAddress, service: u32 }),
  keySize: addressBytes + 4,
  value: struct({ backend: u32, seen: u32 }),
  valueSize: 8,
});

/** Bits of a namespace's flags: sockets reach what they ask for; the node's own, the only one that loopback frontends are for. */
export const namespaceFlags = { untranslated: 1, node: 2 } as const;

/** Network namespaces that are special to sockets (bpf/socket.h), by cookie. */
export const namespacesFormat = mapFormat({ name: "namespaces", key: u64, keySize: 8, value: u32, valueSize: 4 });
