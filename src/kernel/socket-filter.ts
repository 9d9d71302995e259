// What a socket lets through: classic BPF programs (linux/filter.h), run by the kernel before anything wakes up.

import { ptr } from "bun:ffi";
import { KernelError } from "./errno.ts";
import type { Fd } from "./fd.ts";
import { errno, libc } from "./libc.ts";

/** One instruction (struct sock_filter). */
export type FilterStep = readonly [code: number, jumpTrue: number, jumpFalse: number, k: number];

const solSocket = 1;
const soAttachFilter = 26;

/** No steps: everything passes. @throws KernelError when the kernel refuses the program. */
export function attachFilter(fd: Fd, steps: readonly FilterStep[]): void {
  if (steps.length === 0) return;
  const program = new Uint8Array(new ArrayBuffer(steps.length * 8));
  const view = new DataView(program.buffer);
  steps.forEach(([code, jumpTrue, jumpFalse, k], index) => {
    view.setUint16(index * 8, code, true);
    view.setUint8(index * 8 + 2, jumpTrue);
    view.setUint8(index * 8 + 3, jumpFalse);
    view.setUint32(index * 8 + 4, k, true);
  });
  const header = new Uint8Array(new ArrayBuffer(16)); // struct sock_fprog
  const headerView = new DataView(header.buffer);
  headerView.setUint16(0, steps.length, true);
  headerView.setBigUint64(8, BigInt(ptr(program)), true);
  const result = libc.setsockopt(fd.number, solSocket, soAttachFilter, header, header.length);
  // The kernel reads the program during the call only; this keeps it alive until then.
  if (result < 0) throw new KernelError(`Cannot attach a filter of ${program.length / 8} steps`, errno());
}
