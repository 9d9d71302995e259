// Whether the kernel makes transport checksums before a device sends, or leaves them to it (linux/ethtool.h).

import { ptr } from "bun:ffi";
import { checked, libc } from "./libc.ts";
import { type Netns, socketIn } from "./netns.ts";

const afInet = 2;
const sockDgram = 2;
const sockCloexec = 0o2000000;
const siocEthtool = 0x8946n;
const Command = { read: 0x16, set: 0x17 } as const; // ETHTOOL_GTXCSUM, ETHTOOL_STXCSUM
const ifreqBytes = 40;
const dataOffset = 16;

/** True: left to the device. @throws KernelError ENODEV without the device */
export function leavesChecksums(netns: Netns | undefined, device: string): boolean {
  return ethtool(netns, device, Command.read, 0) !== 0;
}

/** Packets that are cut by a device need its checksums: without them the kernel cuts as well. @throws KernelError */
export function leaveChecksums(netns: Netns | undefined, device: string, left: boolean): void {
  ethtool(netns, device, Command.set, left ? 1 : 0);
}

function ethtool(netns: Netns | undefined, device: string, command: number, data: number): number {
  using socket = socketIn(netns, afInet, sockDgram | sockCloexec, 0);
  const value = new Uint32Array([command, data]); // struct ethtool_value
  const request = new Uint8Array(new ArrayBuffer(ifreqBytes));
  request.set(new TextEncoder().encode(device));
  new DataView(request.buffer).setBigUint64(dataOffset, BigInt(ptr(value)), true);
  const verb = command === Command.read ? "read" : "change";
  checked(
    libc.ioctl(socket.number, siocEthtool, request),
    () => `Cannot ${verb} who makes the checksums of what ${device} sends`,
  );
  return value[1] ?? 0;
}
