// vrf: a routing table of its own for the links enslaved to it (linux/if_link.h, IFLA_VRF_).

import { attr, attrs } from "#codec/attrs.ts";
import type { Infer } from "#codec/codec.ts";
import { u32 } from "#codec/scalar.ts";

export const vrf = attrs({ table: attr(1, u32) });
export type Vrf = Infer<typeof vrf>;
