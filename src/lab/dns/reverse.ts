// Names of reverse look-ups: the address in `7.1.244.10.in-addr.arpa` (RFC 1035 section 3.5) and `….ip6.arpa` (RFC 3596 section 2.5).

import { type Ip, parseIp } from "#net/ip.ts";

/** A reverse name; without an address it is only a part of one. */
export type ReverseName = { readonly address: Ip | undefined };

/** The address that a lower-case name stands for; undefined for a name of another kind. */
export function reverseAddress(name: string): ReverseName | undefined {
  if (name.endsWith(".in-addr.arpa")) {
    return { address: parseIp(name.slice(0, -".in-addr.arpa".length).split(".").reverse().join(".")) };
  }
  if (!name.endsWith(".ip6.arpa")) return undefined;
  const digits = name.slice(0, -".ip6.arpa".length).split(".").reverse();
  const isWhole = digits.length === 32 && digits.every((digit) => /^[0-9a-f]$/.test(digit));
  const groups = isWhole ? (digits.join("").match(/.{4}/g) ?? []) : [];
  return { address: isWhole ? parseIp(groups.join(":")) : undefined };
}
