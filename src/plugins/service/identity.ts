// Which network and mount namespace a process lives in, as the shim sends it and the service compares it.

import { statSync } from "node:fs";

/**
 * Device and inode of `/proc/self/ns/net` and `/proc/self/ns/mnt` (namespaces(7)): two processes are in the same namespace
 * when both agree. Zeros, which no namespace has, stand for a process that could not tell.
 */
export type Namespaces = {
  readonly netDev: bigint;
  readonly netIno: bigint;
  readonly mntDev: bigint;
  readonly mntIno: bigint;
};

/** The namespaces of this process. @throws what node:fs throws when /proc is not mounted. */
export function ownNamespaces(): Namespaces {
  const net = statSync("/proc/self/ns/net", { bigint: true });
  const mnt = statSync("/proc/self/ns/mnt", { bigint: true });
  return { netDev: net.dev, netIno: net.ino, mntDev: mnt.dev, mntIno: mnt.ino };
}

/** Whether paths and links mean the same to both. */
export function sameNamespaces(a: Namespaces, b: Namespaces): boolean {
  return a.netIno === b.netIno && a.mntIno === b.mntIno && a.netDev === b.netDev && a.mntDev === b.mntDev;
}
