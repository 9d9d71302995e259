// Where a process is: its network namespace and its file tree, as the shim sends them and the service compares them.

import { statSync } from "node:fs";
import { KernelError } from "#kernel/errno.ts";
import { errno, libc } from "#kernel/libc.ts";
import { netnsCookie } from "#kernel/netns-cookie.ts";

/**
 * Three numbers that two living processes share when links and paths mean the same to both. Each side takes them in the same
 * way (`locate` in shim/twill-cni.c); zeros, which no process has, stand for one that could not tell.
 */
export type Namespaces = {
  /** The network namespace's cookie; before Linux 5.14 the inode of /proc/self/ns/net. */
  readonly net: bigint;
  /** The number of the mount at "/", which is in one mount namespace only; before Linux 5.8 the inode of /proc/self/ns/mnt. */
  readonly mount: bigint;
  /** The inode of "/", which differs after chroot(2). */
  readonly root: bigint;
};

/** Whether links and paths mean the same to both. */
export function sameNamespaces(a: Namespaces, b: Namespaces): boolean {
  return a.net === b.net && a.mount === b.mount && a.root === b.root;
}

/** Where this process is. @throws KernelError, or what node:fs throws when /proc is needed and not mounted. */
export function ownNamespaces(): Namespaces {
  return { net: networkNamespace(), ...fileTree() };
}

function networkNamespace(): bigint {
  return netnsCookie() ?? statSync("/proc/self/ns/net", { bigint: true }).ino;
}

// linux/stat.h
const atFdcwd = -100;
const statxIno = 0x100;
const statxMountId = 0x1000;

function fileTree(): { mount: bigint; root: bigint } {
  const bytes = new Uint8Array(new ArrayBuffer(256));
  const path = new Uint8Array([0x2f, 0]);
  if (libc.statx(atFdcwd, path, 0, statxIno | statxMountId, bytes) !== 0) {
    throw new KernelError("Cannot examine /", errno());
  }
  const statx = new DataView(bytes.buffer);
  const root = statx.getBigUint64(32, true); // stx_ino
  const knowsMount = (statx.getUint32(0, true) & statxMountId) !== 0; // stx_mask
  if (!knowsMount) return { mount: statSync("/proc/self/ns/mnt", { bigint: true }).ino, root };
  return { mount: statx.getBigUint64(144, true), root }; // stx_mnt_id
}
