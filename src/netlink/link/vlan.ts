// vlan: an 802.1Q or 802.1ad tag on a parent link (linux/if_link.h, IFLA_VLAN_).

import { attr, attrs } from "#codec/attrs.ts";
import type { Infer } from "#codec/codec.ts";
import { named, u16, u16be } from "#codec/scalar.ts";

export const vlan = attrs({
  /** 1 to 4094. */
  id: attr(1, u16),
  protocol: attr(5, named(u16be, { "802.1q": 0x8100, "802.1ad": 0x88a8 })),
});
export type Vlan = Infer<typeof vlan>;
