// tun and tap devices as netlink reports them; they are made through /dev/net/tun (linux/if_link.h, IFLA_TUN_).

import { attr, attrs } from "#codec/attrs.ts";
import type { Infer } from "#codec/codec.ts";
import { named, u8, u32 } from "#codec/scalar.ts";

export const tun = attrs({
  owner: attr(1, u32),
  group: attr(2, u32),
  type: attr(3, named(u8, { tun: 1, tap: 2 })),
  packetInfo: attr(4, u8),
  vnetHeader: attr(5, u8),
  persist: attr(6, u8),
  multiQueue: attr(7, u8),
});
export type Tun = Infer<typeof tun>;
