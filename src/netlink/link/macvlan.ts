// macvlan: several hardware addresses on one parent link (linux/if_link.h, IFLA_MACVLAN_).

import { attr, attrs } from "#codec/attrs.ts";
import type { Infer } from "#codec/codec.ts";
import { named, u32 } from "#codec/scalar.ts";

export const macvlan = attrs({
  mode: attr(1, named(u32, { private: 1, vepa: 2, bridge: 4, passthru: 8, source: 16 })),
  /** Length of the queue for broadcast frames; Linux 5.11 and later. */
  bcQueueLen: attr(7, u32),
});
export type Macvlan = Infer<typeof macvlan>;
