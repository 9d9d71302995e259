// The programs that translate services at sockets (bpf/socket.bpf.c) in their places: links to a control group that outlive the agent.

import { constants, fstatSync, mkdirSync, openSync, rmSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "#base/error-message.ts";
import { type CgroupHook, cgroupLinkInfo, linkToCgroup, type OpenCgroup, replaceProgram } from "#kernel/bpf-link.ts";
import { openPinned, pin } from "#kernel/bpf-map.ts";
import { cgroupMount, ensureCgroupMount } from "#kernel/cgroup-mount.ts";
import { isErrno } from "#kernel/errno.ts";
import { Fd } from "#kernel/fd.ts";
import type { Datapath } from "./datapath.ts";

/** Who has answered is understood before anybody asks, and for as long as anybody may wait for an answer. */
const answering: readonly CgroupHook[] = ["recvmsg4", "recvmsg6", "getpeername4", "getpeername6"];
const asking: readonly CgroupHook[] = ["connect4", "connect6", "sendmsg4", "sendmsg6"];

export type SocketOptions = {
  readonly datapath: Pick<Datapath, "socketProgramFd">;
  /** A folder of cgroup v2: sockets that its processes open, and those below it, are translated. */
  readonly cgroup: string;
  /** A folder on a bpf file system, which outlives the process; undefined: the programs go with what is returned. */
  readonly pins: string | undefined;
};

/**
 * Attaches the programs, beside those that others have attached there; where an earlier agent has, each is replaced in one step.
 * Connections that are open stay as they are.
 * @throws CgroupError when `cgroup` is none; KernelError EPERM when a program is there that suffers no other
 */
export function attachSockets({ datapath, cgroup, pins }: SocketOptions): Disposable {
  using folder = openCgroup(cgroup);
  using links = new DisposableStack();
  if (pins !== undefined) mkdirSync(linkFolder(pins), { recursive: true });
  for (const hook of [...answering, ...asking]) {
    const pinned = pins === undefined ? undefined : linkPath(pins, hook);
    links.use(attach(datapath.socketProgramFd(hook), hook, { path: cgroup, folder }, pinned));
  }
  return links.move();
}

function openCgroup(path: string): Fd {
  // linux/magic.h
  const cgroup2Magic = 0x63677270;
  try {
    if (statfsSync(path).type === cgroup2Magic) {
      return new Fd(openSync(path, constants.O_RDONLY | constants.O_DIRECTORY));
    }
  } catch (cause) {
    if (!isErrno(cause, "ENOENT", "ENOTDIR")) throw cause;
  }
  const advice = `give services.cgroup the folder of a control group (cgroup v2) that is there, or leave it out`;
  throw new CgroupError(`Cannot translate services for the sockets of ${path}: it is no control group; ${advice}`);
}

function attach(program: number, hook: CgroupHook, cgroup: OpenCgroup, pinned: string | undefined): Fd {
  if (pinned === undefined) return linkToCgroup(program, hook, cgroup);
  const before = findPinned(pinned);
  const { ino } = fstatSync(cgroup.folder.number, { bigint: true });
  // A group that is gone took its programs along.
  if (before !== undefined && cgroupLinkInfo(before.number).cgroup === ino) {
    replaceProgram(before.number, program);
    return before;
  }
  before?.[Symbol.dispose]();
  const link = linkToCgroup(program, hook, cgroup);
  rmSync(pinned, { force: true });
  pin(link.number, pinned);
  return link;
}

function findPinned(path: string): Fd | undefined {
  try {
    return openPinned(path);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/**
 * Takes the programs away. With `keepAnswers`, sockets that have asked already go on to see the service's address in what they receive:
 * for a node that leaves services to somebody else, but not for one that is to forget Twill.
 */
export function detachSockets(pins: string, { keepAnswers = false } = {}): void {
  for (const hook of keepAnswers ? asking : [...asking, ...answering]) rmSync(linkPath(pins, hook), { force: true });
  if (!keepAnswers) rmSync(linkFolder(pins), { recursive: true, force: true });
}

function linkFolder(pins: string): string {
  return join(pins, "links");
}

function linkPath(pins: string, hook: CgroupHook): string {
  return join(linkFolder(pins), hook);
}

/** The inode of the hierarchy's root, always. */
const rootInode = 1n;

/** A folder that is no control group, or a mount that does not show all of them. */
export class CgroupError extends Error {
  readonly code = "CGROUP";
}

/**
 * The control group of all processes, mounted at `own` when it is mounted nowhere.
 * @throws CgroupError in a container that sees only its own, and where they cannot be mounted
 */
export function rootCgroup(own: string): string {
  try {
    ensureCgroupMount(own);
  } catch (cause) {
    const advice = "mount them at /sys/fs/cgroup, or give the path of a control group as services.cgroup";
    const problem = `no control groups (cgroup v2) are mounted, and cannot be: ${messageOf(cause)}; ${advice}`;
    throw new CgroupError(`Cannot translate services for the whole node: ${problem}`, { cause });
  }
  const path = cgroupMount(own);
  if (statSync(path, { bigint: true }).ino === rootInode) return path;
  throw new CgroupError(
    `Cannot translate services for the whole node: ${path} shows only the control groups below this process's own; mount the node's /sys/fs/cgroup into the container, and give its path as services.cgroup`,
  );
}
