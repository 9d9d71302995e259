// Control groups (cgroup v2): whose processes are whose. What of a lab runs is found here, never by process ids on disk.

import { existsSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { isErrno } from "#kernel/errno.ts";
import { LabError } from "./spec.ts";

/** Process ids directly in the group; none when there is no such group. */
export function processesIn(path: string): readonly number[] {
  try {
    return readFileSync(`${path}/cgroup.procs`, "utf8").split("\n").filter(Boolean).map(Number);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENODEV")) return [];
    throw error;
  }
}

/** As `processesIn`, without those that are ended already and only wait to be taken away. */
export function livingIn(path: string): readonly number[] {
  return processesIn(path).filter(isLiving);
}

/** SIGKILL in a mask of signals, as proc_pid_status(5) writes it. */
const killMask = 1n << 8n;

/** False for a process that is killed, or gone. */
export function isLiving(pid: number): boolean {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const pending = [...status.matchAll(/^(?:SigPnd|ShdPnd):\s+([0-9a-f]+)$/gm)].map(([, mask]) => BigInt(`0x${mask}`));
    return !/^State:\s+[ZX]/m.test(status) && pending.every((mask) => (mask & killMask) === 0n);
  } catch {
    return false;
  }
}

/** Process ids in the group and all groups below it. */
export function processesBelow(path: string): readonly number[] {
  return treeOf(path).flatMap(processesIn);
}

/** Kills every process of the group and of those below, at once. It takes them a moment to be gone. */
export function killGroup(path: string): void {
  try {
    writeFileSync(`${path}/cgroup.kill`, "1");
  } catch (error) {
    if (!isErrno(error, "ENOENT", "ENODEV")) throw error;
    // Before Linux 5.14 there is no such file: whoever is born between two rounds is found by the next.
    if (existsSync(`${path}/cgroup.procs`)) for (const pid of processesBelow(path)) killProcess(pid);
  }
}

const maxWaitMs = 10_000;
const stepMs = 2;

/**
 * Kills what is in the group and removes it with all below; none is no error.
 * @throws LabError when processes outlast the kill, stuck in the kernel.
 */
export async function removeGroup(path: string, sleep: (ms: number) => Promise<void>): Promise<void> {
  for (let waitedMs = 0; existsSync(path); waitedMs += stepMs) {
    killGroup(path);
    if (processesBelow(path).length === 0 && removeTree(path)) return;
    if (waitedMs >= maxWaitMs) {
      const pids = processesBelow(path).join(", ");
      throw new LabError(`Cannot end the processes of ${path}: ${pids || "their groups"} do not go; try again`);
    }
    await sleep(stepMs);
  }
}

/** Innermost first; false when one is still in use. */
function removeTree(path: string): boolean {
  for (const each of treeOf(path).toReversed()) {
    try {
      rmdirSync(each);
    } catch (error) {
      if (isErrno(error, "EBUSY")) return false;
      if (!isErrno(error, "ENOENT", "ENODEV")) throw error;
    }
  }
  return true;
}

/** The group and all below, outermost first. */
function treeOf(path: string): readonly string[] {
  try {
    const below = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return [path, ...below.flatMap(({ name }) => treeOf(`${path}/${name}`))];
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENODEV")) return [];
    throw error;
  }
}

/** SIGTERM or SIGKILL; that the process is gone is no error. */
export function killProcess(pid: number, signal: "SIGTERM" | "SIGKILL" = "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!isErrno(error, "ESRCH")) throw error;
  }
}
