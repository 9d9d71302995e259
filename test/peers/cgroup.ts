// The control groups that container runtimes make for a test's node, and do not remove when they are killed.
import { existsSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { isLeftover } from "../owner.ts";

const emptyWaitMs = 10_000;

/** Removes the groups of nodes whose test process is gone. */
export function sweepCgroups(): void {
  for (const hierarchy of hierarchies()) {
    for (const name of folders(hierarchy).filter(isLeftover)) removeTree(join(hierarchy, name), performance.now());
  }
}

/** Removes the group `/NAME` with all below it from every hierarchy; waits a little for killed processes to leave it. */
export function removeCgroups(name: string): void {
  const giveUp = performance.now() + emptyWaitMs;
  for (const hierarchy of hierarchies()) {
    if (folders(hierarchy).includes(name)) removeTree(join(hierarchy, name), giveUp);
  }
}

function removeTree(path: string, giveUp: number): void {
  for (const name of folders(path)) removeTree(join(path, name), giveUp);
  while (existsSync(path)) {
    try {
      rmdirSync(path);
    } catch {
      // Still in use, or removed by a run beside this one. What stays is swept later: no reason to fail a test.
      if (performance.now() >= giveUp) return;
      Bun.sleepSync(5);
    }
  }
}

/** The mount points of version 1's controllers and of version 2. */
function hierarchies(): readonly string[] {
  return readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" "))
    .filter(([, , type]) => type === "cgroup" || type === "cgroup2")
    .map(([, point]) => point ?? "");
}

function folders(path: string): readonly string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    return [];
  }
}
