// vxlan: Ethernet in UDP (RFC 7348; linux/if_link.h, IFLA_VXLAN_).

import { attr, attrs } from "#codec/attrs.ts";
import type { Infer } from "#codec/codec.ts";
import { presence, u8, u16be, u32 } from "#codec/scalar.ts";
import { ipField } from "#netlink/address-field.ts";

export const vxlan = attrs({
  id: attr(1, u32),
  group: attr(2, ipField),
  /** Ifindex of the device below. */
  link: attr(3, u32),
  local: attr(4, ipField),
  ttl: attr(5, u8),
  tos: attr(6, u8),
  learning: attr(7, u8),
  ageing: attr(8, u32),
  port: attr(15, u16be),
  group6: attr(16, ipField),
  local6: attr(17, ipField),
  udpCsum: attr(18, u8),
  udpZeroCsum6Tx: attr(19, u8),
  udpZeroCsum6Rx: attr(20, u8),
  gbp: attr(23, presence),
  collectMetadata: attr(25, u8),
});
export type Vxlan = Infer<typeof vxlan>;
