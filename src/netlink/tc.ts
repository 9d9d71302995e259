// What all messages of traffic control share: their header and the numbers of handles (linux/rtnetlink.h, struct tcmsg).

import { i32, padding, u8, u32 } from "#codec/scalar.ts";
import { struct } from "#codec/struct.ts";

/** struct tcmsg */
export const tcHeader = struct({
  family: u8,
  reserved: padding(3),
  ifindex: i32,
  handle: u32,
  parent: u32,
  info: u32,
});

/** RTM_ */
export const TcMessage = {
  addQdisc: 36,
  removeQdisc: 37,
  getQdisc: 38,
  addClass: 40,
  removeClass: 41,
  getClass: 42,
  addFilter: 44,
  removeFilter: 45,
  getFilter: 46,
} as const;

/** TC_H_ places that are no qdisc of their own. */
export const Parent = {
  root: 0xffffffff,
  /** Where the ingress and clsact qdiscs hang. */
  ingress: 0xfffffff1,
  /** Filters of clsact on what comes in. */
  clsactIngress: 0xfffffff2,
  /** Filters of clsact on what goes out. */
  clsactEgress: 0xfffffff3,
} as const;

/** The handle that ingress and clsact qdiscs have by convention, `ffff:`; filters of an ingress qdisc have it as parent. */
export const ingressHandle = 0xffff0000;

/** `handle(1)` is `1:`, `handle(1, 0x10)` is `1:10`. */
export function handle(major: number, minor = 0): number {
  for (const part of [major, minor]) {
    if (!Number.isInteger(part) || part < 0 || part > 0xffff) {
      throw new RangeError(`${part} does not fit either half of a traffic control handle, 16 bits`);
    }
  }
  return major * 0x10000 + minor;
}

/** As tc prints it: `root`, `ingress`, `1:`, `1:10`. */
export function formatHandle(value: number): string {
  for (const [word, number] of Object.entries(Parent)) if (value === number) return word;
  const minor = value & 0xffff;
  return `${(value >>> 16).toString(16)}:${minor === 0 ? "" : minor.toString(16)}`;
}
