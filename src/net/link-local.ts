// The IPv6 address that an interface has by its hardware address.

import { type Ip, ipFromBytes } from "./ip.ts";
import { type Mac, macBytes } from "./mac.ts";

/** RFC 4291, appendix A: the interface identifier is the hardware address with ff:fe in its middle and the universal bit turned. */
export function linkLocalOf(mac: Mac): Ip {
  const [first = 0, ...rest] = macBytes(mac);
  const identifier = [first ^ 0x02, ...rest.slice(0, 2), 0xff, 0xfe, ...rest.slice(2)];
  return ipFromBytes(Uint8Array.from([0xfe, 0x80, 0, 0, 0, 0, 0, 0, ...identifier]));
}
