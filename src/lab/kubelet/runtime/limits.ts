// What a container may use, as far as the kernel's version 2 control groups can tell it.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Absent: as much as there is. */
export type Limits = { readonly memoryBytes?: number; readonly cpus?: number };

const periodUs = 100_000;

/** Makes a control group and limits it. */
export function makeLimitedGroup(path: string, { memoryBytes, cpus }: Limits): void {
  mkdirSync(path, { recursive: true });
  if (memoryBytes !== undefined) tryWrite(join(path, "memory.max"), String(Math.floor(memoryBytes)));
  if (cpus !== undefined) tryWrite(join(path, "cpu.max"), `${Math.floor(cpus * periodUs)} ${periodUs}`);
}

/** Hands the controllers that limits need down to the groups below. */
export function delegateControllers(path: string): void {
  mkdirSync(path, { recursive: true });
  for (const controller of ["memory", "cpu"]) tryWrite(join(path, "cgroup.subtree_control"), `+${controller}`);
}

/** A machine may have the controller in version 1 only: a container without its limit is better than none. */
function tryWrite(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch {
    return;
  }
}
