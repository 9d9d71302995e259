// Fields that several netlink objects share: addresses, hardware addresses, families.

import { mapped, named, rest, u8 } from "#codec/scalar.ts";
import { ipBytes, ipFromBytes } from "#net/ip.ts";
import { type Mac, macBytes, macFromBytes } from "#net/mac.ts";

/** 4 or 16 bytes in network order. */
export const ipField = mapped(rest, ipFromBytes, ipBytes);

/** Six bytes; what is not Ethernet (loopback on some kernels, tunnels) reads as undefined. */
export const macField = mapped<Uint8Array, Mac | undefined>(
  rest,
  (bytes) => (bytes.length === 6 ? macFromBytes(bytes) : undefined),
  (mac) => (mac === undefined ? new Uint8Array(0) : macBytes(mac)),
);

/** AF_ numbers. */
export const family = named(u8, { unspec: 0, ipv4: 2, bridge: 7, ipv6: 10 });
