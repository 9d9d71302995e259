// bridge, and what a link has as a bridge's port (linux/if_link.h, IFLA_BR_ and IFLA_BRPORT_).

import { attr, attrs } from "#codec/attrs.ts";
import type { Infer } from "#codec/codec.ts";
import { u8, u16, u16be, u32 } from "#codec/scalar.ts";

export const bridge = attrs({
  forwardDelay: attr(1, u32),
  ageingTime: attr(4, u32),
  stpState: attr(5, u32),
  priority: attr(6, u16),
  vlanFiltering: attr(7, u8),
  vlanProtocol: attr(8, u16be),
  groupFwdMask: attr(9, u16),
  mcastSnooping: attr(23, u8),
  vlanDefaultPvid: attr(39, u16),
});
export type Bridge = Infer<typeof bridge>;

export const bridgePort = attrs({
  /** 3 is forwarding. */
  state: attr(1, u8),
  priority: attr(2, u16),
  cost: attr(3, u32),
  hairpin: attr(4, u8),
  learning: attr(8, u8),
  unicastFlood: attr(9, u8),
  isolated: attr(33, u8),
});
export type BridgePort = Infer<typeof bridgePort>;
