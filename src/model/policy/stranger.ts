// Somebody outside of the cluster whom no policy singles out: what `world` stands for.

import { type Cidr, contains, familyOfCidr, isDefault } from "#net/cidr.ts";
import { type Family, families, type Ip, ip } from "#net/ip.ts";
import type { AddressParty } from "./party.ts";
import type { Policy } from "./rule.ts";

/** Of different parts of the Internet, those for documentation first. */
const candidates: Readonly<Record<Family, readonly Ip[]>> = {
  ipv4: ["203.0.113.1", "198.51.100.1", "192.0.2.1", "9.0.0.1", "27.0.0.1", "63.0.0.1", "145.0.0.1", "211.0.0.1"].map(
    ip,
  ),
  ipv6: ["2001:db8::1", "2003::1", "2400::1", "2600::1", "2a00::1", "2c00::1"].map(ip),
};

/**
 * An address of each family, in no other block of the policies, nor of the `others` that may be given, than those with everything in them, as
 * far as there is one.
 */
export function stranger(policies: readonly Policy[], others: readonly Cidr[] = []): AddressParty {
  const named = policies
    .flatMap(({ rules }) => rules.flatMap(({ peers = [] }) => peers))
    .flatMap((peer) => (peer.peer === "block" ? [peer.block, ...peer.except] : []));
  const blocks = [...named, ...others].filter((block) => !isDefault(block));
  const addresses = families.flatMap((family) => {
    const own = blocks.filter((block) => familyOfCidr(block) === family);
    const free = candidates[family].find((address) => !own.some((block) => contains(block, address)));
    return free ?? candidates[family].slice(0, 1);
  });
  return { party: "address", addresses, name: "world" };
}
