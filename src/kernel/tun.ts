// tap devices: made by ioctl(2) on /dev/net/tun, in the namespace the file was opened in (linux/if_tun.h).

import type { Pointer } from "bun:ffi";
import { checked, libc } from "./libc.ts";
import { type Netns, openIn } from "./netns.ts";

const tunSetIff = 0x400454can;
const tunSetPersist = 0x400454cbn;
const tunSetOwner = 0x400454ccn;
const tunSetGroup = 0x400454cen;
const iffTap = 0x0002;
const iffMultiQueue = 0x0100;
const iffNoPacketInfo = 0x1000;
const iffTunExclusive = 0x8000;
const ifreqBytes = 40;
const flagsOffset = 16;

export type TapSettings = {
  readonly name: string;
  readonly multiQueue?: boolean | undefined;
  /** Who may open it beside root, as user and group numbers. */
  readonly owner?: number | undefined;
  readonly group?: number | undefined;
};

/** Makes a tap device that stays without anybody holding it. @throws KernelError EBUSY when the name is taken. */
export function makeTap(netns: Netns | undefined, { name, multiQueue, owner, group }: TapSettings): void {
  using file = openIn(netns, "/dev/net/tun", "read");
  const request = new Uint8Array(new ArrayBuffer(ifreqBytes));
  request.set(new TextEncoder().encode(name));
  const flags = iffTap | iffNoPacketInfo | iffTunExclusive | (multiQueue === true ? iffMultiQueue : 0);
  new DataView(request.buffer).setUint16(flagsOffset, flags, true);
  const set = (what: string, code: bigint, value: Uint8Array | Pointer) =>
    checked(libc.ioctl(file.number, code, value), () => `Cannot ${what} tap device ${name}`);
  set("make", tunSetIff, request);
  // These take the number itself where others take an address.
  if (owner !== undefined) set("set the owner of", tunSetOwner, owner as Pointer);
  if (group !== undefined) set("set the group of", tunSetGroup, group as Pointer);
  set("keep", tunSetPersist, 1 as Pointer);
}
