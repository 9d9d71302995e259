// Which of the kernel's events reach a subscription, told by the number of the link that they are about.

import type { FilterStep } from "#kernel/socket-filter.ts";
import { bitsOf } from "#net/ip.ts";
import { AddressType } from "./address.ts";
import { headerBytes } from "./message.ts";
import { RouteType } from "./route.ts";

/**
 * By the upper half of links' numbers: nothing of links of `except`; or of links of `only`, all addresses, and the routes of all links to
 * single addresses: one that leads elsewhere takes the place of one that led to such a link, and nothing else tells of that.
 */
export type LinkFilter = { readonly except: number } | { readonly only: number };

// linux/bpf_common.h and linux/filter.h: what a step does with the numbers A and X.
const loadByte = 0x30;
const loadHalf = 0x28;
const loadHalfAtX = 0x48;
const loadWord = 0x20;
const loadNumber = 0x00;
const setX = 0x01;
const copyToX = 0x07;
const jumpIfEqual = 0x15;
const answer = 0x06;
/** Where to "load" from to find an attribute: from A on, of the type in X; A is then where it is, or 0. */
const findAttribute = 0xffff_f000 + 12;

const typeAt = 4;
/** Of links, addresses and neighbours alike; of their number, the half that the machine puts last. */
const upperHalfAt = headerBytes + 6;
const prefixLengthAt = headerBytes + 1;
const routeAttributesAt = headerBytes + 12;
const attributeHeadBytes = 4;
const outputLink = 4;
const wholeDatagram = 0xffff_ffff;

/** For a socket that is subscribed to events of links, addresses, routes and neighbours. */
export function filterSteps(filter: LinkFilter): readonly FilterStep[] {
  const [upper, ofMatch, ofOther] =
    "only" in filter ? [filter.only, wholeDatagram, 0] : [filter.except, 0, wholeDatagram];
  const allAddresses: readonly FilterStep[] = [
    [jumpIfEqual, 1, 0, swapped(AddressType.new)],
    [jumpIfEqual, 0, 1, swapped(AddressType.del)],
    [answer, 0, 0, wholeDatagram],
  ];
  const toOneAddress: readonly FilterStep[] = [
    [loadByte, 0, 0, prefixLengthAt],
    [jumpIfEqual, 1, 0, bitsOf("ipv4")],
    [jumpIfEqual, 0, 1, bitsOf("ipv6")],
    [answer, 0, 0, wholeDatagram],
  ];
  const ofRoutes = "only" in filter ? toOneAddress : [];
  return [
    [loadHalf, 0, 0, typeAt],
    ...("only" in filter ? allAddresses : []),
    [jumpIfEqual, 1, 0, swapped(RouteType.new)],
    [jumpIfEqual, 0, 7 + ofRoutes.length, swapped(RouteType.del)],
    ...ofRoutes,
    // A route has its link in an attribute, or is about none.
    [loadNumber, 0, 0, routeAttributesAt],
    [setX, 0, 0, outputLink],
    [loadWord, 0, 0, findAttribute],
    [jumpIfEqual, 6, 0, 0],
    [copyToX, 0, 0, 0],
    [loadHalfAtX, 0, 0, attributeHeadBytes + 2],
    [jumpIfEqual, 2, 3, swapped(upper)],
    [loadHalf, 0, 0, upperHalfAt],
    [jumpIfEqual, 0, 1, swapped(upper)],
    [answer, 0, 0, ofMatch],
    [answer, 0, 0, ofOther],
  ];
}

/** Filters read network byte order, netlink speaks the machine's. */
function swapped(half: number): number {
  return ((half & 0xff) << 8) | (half >>> 8);
}
