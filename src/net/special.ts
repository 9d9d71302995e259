// Addresses that nobody else can have: where they lead depends on who asks, or to nobody.

import type { Ip } from "./ip.ts";

/**
 * What is special about an address, as `a loopback address`; undefined for one that a single host may have for all others (RFC 6890, and what
 * Kubernetes takes for no endpoint and no external address).
 */
export function specialKind(address: Ip): string | undefined {
  if (address.includes(":")) {
    if (address === "::") return "an unspecified address";
    if (address === "::1") return "a loopback address";
    if (address.startsWith("::ffff:")) return "an IPv4 address in IPv6's form";
    if (!isLong(address)) return undefined;
    if (/^fe[89ab]/.test(address)) return "a link-local address";
    return address.startsWith("ff") ? "a multicast address" : undefined;
  }
  if (address === "0.0.0.0") return "an unspecified address";
  if (address.startsWith("127.")) return "a loopback address";
  if (address.startsWith("169.254.")) return "a link-local address";
  const first = Number(address.slice(0, address.indexOf(".")));
  return first >= 224 && first < 240 ? "a multicast address" : undefined;
}

/** `ff02::1` begins with ff, `ff::1` with 00ff. */
function isLong(address: Ip): boolean {
  return address.indexOf(":") === 4;
}
