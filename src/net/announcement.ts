// Frames that tell all hosts of a link whose an address is now: a gratuitous ARP, an unsolicited neighbour advertisement.

import { familyOf, type Ip, ipBytes } from "./ip.ts";
import { type Mac, macBytes } from "./mac.ts";
import { checksum } from "./udp-frame.ts";

const etherType = { arp: 0x0806, ipv6: 0x86dd } as const;
const icmpv6 = 58;

/** The whole Ethernet frame that says that `address` is at `mac`. */
export function announcement(address: Ip, mac: Mac): Uint8Array {
  return familyOf(address) === "ipv4" ? gratuitousArp(ipBytes(address), mac) : advertisement(ipBytes(address), mac);
}

/** An ARP announcement (RFC 5227, section 3): a request whose sender asks for its own address. */
function gratuitousArp(address: Uint8Array, mac: Mac): Uint8Array {
  const own = macBytes(mac);
  return Uint8Array.from([
    ...[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, ...own, ...u16(etherType.arp)],
    ...[...u16(1), ...u16(0x0800), 6, 4, ...u16(1)], // Ethernet, IPv4, request
    ...[...own, ...address, 0, 0, 0, 0, 0, 0, ...address],
  ]);
}

/** An unsolicited neighbour advertisement (RFC 4861, section 7.2.6) to all nodes of the link, with the Override flag. */
function advertisement(address: Uint8Array, mac: Mac): Uint8Array {
  const own = macBytes(mac);
  const allNodes = [0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
  const override = 0x20;
  const option = [2, 1, ...own]; // target link-layer address
  const message = (sum: number) => [136, 0, ...u16(sum), override, 0, 0, 0, ...address, ...option];
  const { length } = message(0);
  const pseudo = Uint8Array.from([...address, ...allNodes, 0, 0, ...u16(length), 0, 0, 0, icmpv6]);
  const sum = checksum([pseudo, Uint8Array.from(message(0))]);
  return Uint8Array.from([
    ...[0x33, 0x33, 0, 0, 0, 1, ...own, ...u16(etherType.ipv6)],
    // "By setting the Hop Limit to 255, Neighbor Discovery is immune to off-link senders" (RFC 4861, section 3.1).
    ...[0x60, 0, 0, 0, ...u16(length), icmpv6, 255, ...address, ...allNodes],
    ...message(sum),
  ]);
}

function u16(value: number): readonly number[] {
  return [value >> 8, value & 0xff];
}
