// Taking away what sandboxes made: processes in their namespaces, the namespaces, mounts and folders.
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isLeftover } from "./owner.ts";

const netnsFolder = "/run/netns";
const killWaitMs = 10_000;

/** Removes the namespaces, processes, mounts and folders of all sandboxes whose test process is gone. */
export function sweepLeftovers(): void {
  const namespaces = entries(netnsFolder).filter(isLeftover);
  const folders = entries(tmpdir()).filter(isLeftover);
  if (namespaces.length + folders.length === 0) return;
  removeNamespaces(namespaces);
  for (const folder of folders) removeFolder(join(tmpdir(), folder));
}

/** Kills every process but this one that lives in the named network namespaces, then removes the namespaces. */
export function removeNamespaces(names: readonly string[]): void {
  // Open until its processes are gone: one that another run removes meanwhile gives its number to the next that is made, somebody's own.
  const held = names.flatMap(openNamespace);
  try {
    const links = new Set(held.map((fd) => `net:[${fstatSync(fd).ino}]`));
    killAndWait(processes().filter((pid) => pid !== process.pid && links.has(link(`/proc/${pid}/ns/net`) ?? "")));
  } finally {
    for (const fd of held) closeSync(fd);
  }
  for (const name of names) {
    // Two runs may sweep the same leftovers at once: the loser finds nothing, which is as good.
    Bun.spawnSync(["ip", "netns", "delete", name], { stderr: "ignore" });
  }
}

/** Kills processes by pid and waits, ten seconds at most, until they have let go of their namespaces and files. */
export function killAndWait(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has gone by itself.
    }
  }
  const giveUp = performance.now() + killWaitMs;
  while (pids.some((pid) => link(`/proc/${pid}/ns/net`) !== undefined) && performance.now() < giveUp) Bun.sleepSync(1);
}

/** Removes a folder with what is in it, after unmounting what was mounted below it. */
export function removeFolder(folder: string): void {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "") // proc(5), mountinfo field 5: the mount point
    .filter((path) => path.startsWith(`${folder}/`));
  for (const path of mounts.reverse()) Bun.spawnSync(["umount", "--lazy", path], { stderr: "ignore" });
  rmSync(folder, { recursive: true, force: true });
}

function processes(): number[] {
  return readdirSync("/proc").map(Number).filter(Number.isInteger);
}

/** None when there is none any more. */
function openNamespace(name: string): readonly number[] {
  try {
    return [openSync(join(netnsFolder, name), "r")];
  } catch {
    return [];
  }
}

/** As `/proc/PID/ns/net` reads, `net:[4026532281]`. */
function link(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
