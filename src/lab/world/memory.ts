// Memory: what a lab needs, and what its processes have.

import { readFileSync } from "node:fs";
import { LabError } from "#lab/spec.ts";

const mib = 2 ** 20;
/** Measured: the control plane and the rest of an empty lab, and what each node adds, rounded up. */
const baseBytes = 150 * mib;
const nodeBytes = 60 * mib;

/** @throws LabError when the machine has not enough for so many more nodes. */
export function checkMemory(moreNodes: number, isNew: boolean): void {
  const needed = (isNew ? baseBytes : 0) + moreNodes * nodeBytes;
  const available = availableBytes();
  if (available === undefined || available >= needed) return;
  throw new LabError(
    `Cannot start ${moreNodes} nodes: they need ${formatBytes(needed)} of memory, and ${formatBytes(available)} are free; ask for fewer with --nodes`,
  );
}

function availableBytes(): number | undefined {
  const kib = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1];
  return kib === undefined ? undefined : Number(kib) * 1024;
}

/** The share of memory that is a process's own: pages that several have are divided among them. 0 when it is gone. */
export function memoryOf(pid: number): number {
  try {
    const kib = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1];
    return Number(kib ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** `34 MB` */
export function formatBytes(bytes: number): string {
  return `${Math.round(bytes / mib)} MB`;
}
