// The control groups of a node's pods: limits, who is in one, and ending all of one.

import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What a container may use; absent: as much as there is. */
export type Limits = { readonly memoryBytes?: number; readonly cpus?: number };

const periodUs = 100_000;

/** Makes a folder and sets what of the limits the kernel's version 2 hierarchy can; controllers may all be with version 1. */
export function makeCgroup(path: string, limits: Limits): void {
  mkdirSync(path, { recursive: true });
  if (limits.memoryBytes !== undefined) tryWrite(join(path, "memory.max"), String(Math.floor(limits.memoryBytes)));
  if (limits.cpus !== undefined) tryWrite(join(path, "cpu.max"), `${Math.floor(limits.cpus * periodUs)} ${periodUs}`);
}

/** Hands the controllers that limits need down to the folders below. */
export function delegateControllers(path: string): void {
  mkdirSync(path, { recursive: true });
  for (const controller of ["memory", "cpu", "pids"]) tryWrite(join(path, "cgroup.subtree_control"), `+${controller}`);
}

/** Process ids in a folder itself; none when it is not there. */
export function processesIn(path: string): readonly number[] {
  try {
    return readFileSync(join(path, "cgroup.procs"), "utf8").split("\n").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** Ends every process in a folder and below it at once. */
export function killCgroup(path: string): void {
  tryWrite(join(path, "cgroup.kill"), "1");
}

/** Names of the folders directly below. */
export function childCgroups(path: string): readonly string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    return [];
  }
}

/** Ends all that is in a folder and removes it with those below. False when something is still ending: try again. */
export function removeCgroup(path: string): boolean {
  killCgroup(path);
  try {
    for (const child of childCgroups(path)) if (!removeCgroup(join(path, child))) return false;
    rmdirSync(path);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ENOENT";
  }
  return true;
}

/** A kernel without the controller, or a folder that has gone meanwhile, is no failure of the pod. */
function tryWrite(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch {
    return;
  }
}
