// The link-local address that a DHCPv6 client speaks from (RFC 8415, section 17).

import type { Netns } from "#kernel/netns.ts";
import { addressOf, type IfAddr, joinIfAddr } from "#net/cidr.ts";
import { type Ip, ipFromBytes } from "#net/ip.ts";
import { type Mac, macBytes } from "#net/mac.ts";
import { AddressFlag, addAddress, listAddresses, removeAddress } from "#netlink/address.ts";
import type { Connection } from "#netlink/connection.ts";
import type { Link } from "#netlink/link.ts";
import { writeSysctlIfThere } from "#plugins/container.ts";

const linkScope = 253;

/**
 * A link-local address of the interface that works at once. The kernel makes one as the interface comes up and looks for
 * duplicates for a second or two; it is put in again without. One that is missing is made as RFC 4291, appendix A, says.
 * @throws KernelError
 */
export function readyLinkLocal(netns: Netns, connection: Connection, link: Link, mac: Mac): Ip {
  writeSysctlIfThere(netns, `net/ipv6/conf/${link.name}/disable_ipv6`, "0");
  const present = listAddresses(connection, link.index).filter(
    ({ scope, address, flags }) =>
      scope === linkScope && address.includes(":") && (flags & AddressFlag.dadFailed) === 0,
  );
  const ready = present.find(({ flags }) => (flags & AddressFlag.tentative) === 0);
  if (ready !== undefined) return addressOf(ready.address);
  const address: IfAddr = present[0]?.address ?? joinIfAddr(linkLocalOf(mac), 64);
  const dev = link.name;
  connection.apply([
    ...(present.length === 0 ? [] : [removeAddress(link.index, address, { dev })]),
    // The kernel may have been quicker.
    addAddress(link.index, address, { dev, noDad: true, allow: ["EEXIST"] }),
  ]);
  return addressOf(address);
}

/** The modified EUI-64 form of a hardware address below fe80::/64. */
export function linkLocalOf(mac: Mac): Ip {
  const [a = 0, b = 0, c = 0, ...low] = macBytes(mac);
  return ipFromBytes(Uint8Array.from([0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 0x02, b, c, 0xff, 0xfe, ...low]));
}
