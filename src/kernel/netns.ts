// Network namespaces: opened by path, and entered only inside one native call.

import type { Pointer } from "bun:ffi";
import { closeSync, openSync } from "node:fs";
import { messageOf } from "#base/error-message.ts";
import { errnoOf, isErrno, KernelError } from "./errno.ts";
import { Fd } from "./fd.ts";
import { checked, cstring, errno, libc } from "./libc.ts";
import { native } from "./native.ts";

/** ioctl_ns(2): NS_GET_NSTYPE answers the CLONE_ flag of the namespace's kind. */
const nsGetNstype = 0xb703n;
const cloneNewnet = 0x40000000;
const readOnly = 0;
const writeOnly = 1;
const closeOnExec = 0o2000000;

/** A path that does not lead to a network namespace. `reason` tells a missing one from a wrong one. */
export class NetnsError extends Error {
  readonly code = "NETNS";
  readonly path: string;
  readonly reason: "missing" | "wrong-kind" | "unreadable";

  constructor(path: string, reason: NetnsError["reason"], problem: string, cause?: unknown) {
    super(`Cannot use network namespace "${path}": ${problem}`, { cause });
    this.path = path;
    this.reason = reason;
  }
}

/** An open network namespace; it lives at least as long as this. */
export class Netns implements Disposable {
  readonly path: string;
  readonly #fd: Fd;

  /** @throws NetnsError when the path is missing or is not a network namespace. */
  constructor(path: string) {
    this.path = path;
    let number: number;
    try {
      number = openSync(path, readOnly | closeOnExec);
    } catch (cause) {
      if (isErrno(cause, "ENOENT", "ENOTDIR")) throw new NetnsError(path, "missing", "it does not exist", cause);
      throw new NetnsError(path, "unreadable", messageOf(cause), cause);
    }
    const kind = libc.ioctl(number, nsGetNstype, null);
    if (kind !== cloneNewnet) {
      closeSync(number);
      throw new NetnsError(path, "wrong-kind", "the file is there, but it is not a network namespace");
    }
    this.#fd = new Fd(number);
  }

  get fd(): number {
    return this.#fd.number;
  }

  [Symbol.dispose](): void {
    this.#fd[Symbol.dispose]();
  }
}

/** The namespace that this process runs in: where every excursion comes back to. */
export function openOwnNetns(): Netns {
  return new Netns("/proc/self/ns/net");
}

let home: Netns | undefined;

// One descriptor for the life of the process: every way back needs it, also when descriptors have run out.
function homeFd(): number {
  home ??= openOwnNetns();
  return home.fd;
}

/**
 * Moves the process into `netns` and leaves it there. Sockets that are open stay where they are; so do threads that the engine has
 * started already: call it before anything is fetched. @throws KernelError
 */
export function enterForGood(netns: Netns): void {
  checked(libc.setns(netns.fd, cloneNewnet), () => `Cannot enter network namespace "${netns.path}"`);
  home?.[Symbol.dispose]();
  home = undefined;
}

/** A socket that lives in `netns`, or in the process's own namespace. @throws KernelError */
export function socketIn(netns: Netns | undefined, domain: number, type: number, protocol: number): Fd {
  if (netns === undefined) {
    const fd = libc.socket(domain, type, protocol);
    if (fd < 0) throw new KernelError("Cannot open a socket", errno());
    return new Fd(fd);
  }
  const fd = native().twill_socket_in(netns.fd, homeFd(), domain, type, protocol);
  if (fd < 0) throw new KernelError(`Cannot open a socket in network namespace "${netns.path}"`, -fd);
  return new Fd(fd);
}

/** Opens a file whose content depends on the namespace, such as those under /proc/sys/net. @throws KernelError */
export function openIn(netns: Netns | undefined, path: string, mode: "read" | "write"): Fd {
  const flags = mode === "read" ? readOnly : writeOnly;
  if (netns === undefined) {
    try {
      return new Fd(openSync(path, flags | closeOnExec));
    } catch (cause) {
      throw new KernelError(`Cannot open ${path}`, errnoOf(cause));
    }
  }
  const fd = native().twill_open_in(netns.fd, homeFd(), cstring(path), flags);
  if (fd < 0) throw new KernelError(`Cannot open ${path} in network namespace "${netns.path}"`, -fd);
  return new Fd(fd);
}

/** Calls a C function `void *f(uint32_t)` with the thread inside `netns`; null when the way in or the function fails. */
export function callIn(netns: Netns | undefined, functionPointer: Pointer, argument: number): Pointer | null {
  const result = native().twill_call_in(netns?.fd ?? homeFd(), homeFd(), functionPointer, argument);
  return result === null ? null : (Number(result) as Pointer);
}
