// A listening socket that systemd made and hands to the process it starts (sd_listen_fds(3)).

import { readFileSync, readlinkSync } from "node:fs";
import { libc } from "#kernel/libc.ts";
import { type ListenAt, type ServicePlace, SocketPathError } from "./socket-path.ts";

/** The first descriptor behind standard input, output and error. */
const firstFd = 3;
const setDescriptorFlags = 2;
const closeOnExec = 1;

/** The socket and its path stay systemd's: nothing is locked, moved or removed, and calls wait in it for the next process. */
class ActivatedSocket implements ServicePlace {
  readonly path: string;
  readonly #fd: number;

  constructor(path: string, fd: number) {
    this.path = path;
    this.#fd = fd;
  }

  publish<Listener>(listen: (at: ListenAt) => Listener): Listener {
    return listen({ fd: this.#fd });
  }

  inspect(): "ours" {
    return "ours";
  }

  retract(): void {}

  [Symbol.dispose](): void {}
}

/**
 * The socket that was handed over; undefined when there is none, or it is meant for another process.
 * @throws SocketPathError when it is not one listening socket with a path of its own.
 */
export function activatedSocket(env: ReadonlyMap<string, string>, pid: number): ServicePlace | undefined {
  const count = Number(env.get("LISTEN_FDS"));
  if (env.get("LISTEN_PID") !== String(pid) || !(count > 0)) return undefined;
  if (count > 1) {
    throw new SocketPathError("the sockets of systemd", "invalid", `there are ${count}: pass one (ListenStream=)`);
  }
  const path = pathOf(firstFd);
  if (path === undefined) {
    throw new SocketPathError(
      `descriptor ${firstFd}`,
      "invalid",
      "it is no listening unix socket with a path (ListenStream=)",
    );
  }
  // A process started from here must not hold it open.
  libc.fcntl(firstFd, setDescriptorFlags, closeOnExec);
  return new ActivatedSocket(path, firstFd);
}

/** proc_net(5): the inode in the seventh column, the path in the eighth; the flag 0x10000 is for listening. */
function pathOf(fd: number): string | undefined {
  const inode = /^socket:\[(\d+)\]$/.exec(linkOf(fd))?.[1];
  if (inode === undefined) return undefined;
  for (const line of readFileSync("/proc/self/net/unix", "utf8").split("\n")) {
    const [, , , flags = "", , , found, ...path] = line.trim().split(/ +/);
    if (found === inode && flags === "00010000" && path[0]?.startsWith("/")) return path.join(" ");
  }
  return undefined;
}

function linkOf(fd: number): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return "";
  }
}
