// What a container may use, as far as the kernel's version 2 control groups can tell it.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { cgroupMount } from "#kernel/cgroup-mount.ts";

/** Absent: as much as there is. */
export type Limits = { readonly memoryBytes?: number; readonly cpus?: number };

const periodUs = 100_000;

/** Makes a control group and limits it; the groups above hand the controllers down, from the hierarchy's root on. */
export function makeLimitedGroup(path: string, { memoryBytes, cpus }: Limits): void {
  mkdirSync(path, { recursive: true });
  if (memoryBytes === undefined && cpus === undefined) return;
  for (const above of groupsAbove(path)) {
    for (const controller of ["memory", "cpu"]) tryWrite(join(above, "cgroup.subtree_control"), `+${controller}`);
  }
  if (memoryBytes !== undefined) tryWrite(join(path, "memory.max"), String(Math.floor(memoryBytes)));
  if (cpus !== undefined) tryWrite(join(path, "cpu.max"), `${Math.floor(cpus * periodUs)} ${periodUs}`);
}

/** Outermost first. */
function groupsAbove(path: string): readonly string[] {
  const mount = cgroupMount();
  const names = relative(mount, dirname(path)).split("/");
  return [mount, ...names.map((_, i) => join(mount, ...names.slice(0, i + 1)))];
}

/** A machine may have the controller in version 1 only: a container without its limit is better than none. */
function tryWrite(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch {
    return;
  }
}
