// Connections and their translations as the maps of bpf/connections.h hold them.

import { mapFormat } from "#bpf/map.ts";
import { padding, u8, u16be, u32 } from "#codec/scalar.ts";
import { struct } from "#codec/struct.ts";
import { someAddress } from "./address-format.ts";

/** Who speaks with whom (bpf/tuple.h); ICMP and ICMPv6 are protocol 1, with the echo's identifier as both ports. */
export const tuple = struct({
  source: someAddress,
  destination: someAddress,
  sourcePort: u16be,
  destinationPort: u16be,
  protocol: u8,
  pad: padding(3),
});

const tupleBytes = 40;

/** Bits of a connection's `flags`. */
export const connectionFlags = {
  /** Who opened it is the key's destination. */
  exchanged: 0x01,
  answered: 0x02,
  finOpener: 0x04,
  finOther: 0x08,
  reset: 0x10,
  translated: 0x20,
  /** The opener, or the other end, is of this node. */
  openerHere: 0x40,
  otherHere: 0x80,
  /** The opener's policies were asked about the service's address, before the kernel translated it. */
  egressAsked: 0x100,
  /** The sequence numbers of TCP that the opener, or the other end, was heard with last are known. */
  sequenceOpener: 0x200,
  sequenceOther: 0x400,
} as const;

/** Connections by their two ends in a fixed order; times in seconds of the monotonic clock. */
export const connectionsFormat = mapFormat({
  name: "connections",
  key: tuple,
  keySize: tupleBytes,
  value: struct({
    seen: u32,
    generation: u32,
    egressRule: u32,
    ingressRule: u32,
    service: u32,
    flags: u32,
    opened: u32,
    // Upper halves of sequence numbers, which only the programs read.
    pad: padding(4),
  }),
  valueSize: 32,
});

/** What a packet is to say instead, by what it says. */
export const translationsFormat = mapFormat({
  name: "translations",
  key: tuple,
  keySize: tupleBytes,
  value: struct({ to: tuple, seen: u32, service: u32 }),
  valueSize: 48,
});
