// Where control groups (cgroup v2) are mounted, and mounting them where they are not.

import { mkdirSync, readFileSync, rmdirSync } from "node:fs";
import { mountFileSystem, unmount } from "./mount.ts";

/** Where cgroup v2 is mounted: /sys/fs/cgroup, or beside the older ones. `own` is where it will be when it is nowhere. */
export function cgroupMount(own = "/sys/fs/cgroup"): string {
  return mountOf("cgroup2") ?? own;
}

/** Mounts cgroup v2 at `own` unless it is mounted already. @throws KernelError */
export function ensureCgroupMount(own: string): void {
  if (mountOf("cgroup2") !== undefined) return;
  mkdirSync(own, { recursive: true });
  mountFileSystem("cgroup2", own);
}

/** Takes back what `ensureCgroupMount` made. */
export function removeCgroupMount(own: string): void {
  if (mountOf("cgroup2") !== own) return;
  unmount(own);
  rmdirSync(own);
}

/** proc_pid_mounts(5): device, mount point, type; blanks in a path are written as \040. */
function mountOf(type: string): string | undefined {
  const rows = readFileSync("/proc/self/mounts", "utf8").split("\n");
  const fields = rows.map((row) => row.split(" ")).find((each) => each[2] === type);
  return fields?.[1]?.replaceAll("\\040", " ");
}
