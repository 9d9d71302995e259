// ipvlan: several network stacks behind one hardware address (linux/if_link.h, IFLA_IPVLAN_).

import { attr, attrs } from "#codec/attrs.ts";
import type { Infer } from "#codec/codec.ts";
import { named, u16 } from "#codec/scalar.ts";

export const ipvlan = attrs({
  mode: attr(1, named(u16, { l2: 0, l3: 1, l3s: 2 })),
  flags: attr(2, named(u16, { bridge: 0, private: 1, vepa: 2 })),
});
export type Ipvlan = Infer<typeof ipvlan>;
