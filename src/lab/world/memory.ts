// Memory: what a lab needs, and what its processes have.

import { readFileSync } from "node:fs";
import { LabError } from "#lab/spec.ts";

const mib = 2 ** 20;
/** Measured: the control plane and the rest of an empty lab, and what each node adds, rounded up. */
const baseBytes = 150 * mib;
const nodeBytes = 60 * mib;

/** @throws LabError when the machine has not enough for so many more nodes. */
export function checkMemory(moreNodes: number, isNew: boolean): void {
  const problem = memoryProblem(moreNodes, isNew, readFileSync("/proc/meminfo", "utf8"));
  if (problem !== undefined) throw new LabError(problem);
}

/** What is said when the memory of `meminfo`, the text of proc_meminfo(5), is too little. */
export function memoryProblem(moreNodes: number, isNew: boolean, meminfo: string): string | undefined {
  const neededBytes = (isNew ? baseBytes : 0) + moreNodes * nodeBytes;
  const kib = /^MemAvailable:\s+(\d+) kB$/m.exec(meminfo)?.[1];
  if (kib === undefined || Number(kib) * 1024 >= neededBytes) return undefined;
  const [needed, free] = [formatBytes(neededBytes), formatBytes(Number(kib) * 1024)];
  return `Cannot start ${moreNodes} nodes: they need ${needed} of memory, and ${free} are free; ask for fewer with --nodes`;
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
