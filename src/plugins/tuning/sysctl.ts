// Sysctls of a container's network: keys to paths, reading, writing, and the administrator's list of what is allowed.

import { readFileSync, readSync } from "node:fs";
import { CniError, ErrorCode } from "#cni/error.ts";
import { isErrno } from "#kernel/errno.ts";
import type { Fd } from "#kernel/fd.ts";
import { type Netns, openIn } from "#kernel/netns.ts";

export type Sysctl = {
  /** As configured: `net.ipv4.conf.IFNAME.arp_filter`. */
  readonly key: string;
  /** Below /proc/sys: `net/ipv4/conf/eth0/arp_filter`. */
  readonly path: string;
  readonly value: string;
};

/** Sysctl files are shorter; the longest are lists of ports. */
const maxValueBytes = 64 * 1024;

/** The first `IFNAME` becomes the interface's name, dots in which stay dots. @throws CniError 7 outside of `net`. */
export function toSysctl(key: string, value: string, ifname: string): Sysctl {
  const parts = key.replaceAll(".", "/").split("/");
  if (parts.length < 2 || parts[0] !== "net" || parts.includes("..") || parts.includes("")) {
    const wants = "it must begin with net. and hold no empty part, like net.core.somaxconn";
    throw new CniError(ErrorCode.invalidConfig, `invalid net sysctl key: ${JSON.stringify(key)}: ${wants}`);
  }
  return { key, path: parts.join("/").replace("IFNAME", () => ifname), value };
}

/** The value as the namespace sees it, without its end of line. @throws KernelError */
function readSysctl(netns: Netns, path: string): string {
  using file: Fd = openIn(netns, `/proc/sys/${path}`, "read");
  const bytes = new Uint8Array(maxValueBytes);
  const length = readSync(file.number, bytes, 0, bytes.length, 0);
  return new TextDecoder().decode(bytes.subarray(0, length)).trim();
}

/** Some sysctls only take commands, like net.ipv4.route.flush: they have no value to go back to. */
export function readSysctlIfReadable(netns: Netns, path: string): string | undefined {
  try {
    return readSysctl(netns, path);
  } catch (error) {
    if (isErrno(error, "EACCES", "EPERM", "EINVAL", "EIO")) return undefined;
    throw error;
  }
}

/** Lists of numbers come back with tabs where blanks were written. */
export function sameValue(a: string, b: string): boolean {
  return a.trim().split(/\s+/).join(" ") === b.trim().split(/\s+/).join(" ");
}

/**
 * Holds the keys against the file's regular expressions, one a line; without the file everything is allowed.
 * @throws CniError 7 naming the key, or the line that is no regular expression.
 */
export function requireAllowed(sysctls: readonly Sysctl[], allowlistPath: string): void {
  const allowlist = readAllowlist(allowlistPath);
  if (allowlist === undefined) return;
  for (const { key } of sysctls) {
    if (allowlist.some((allowed) => allowed.test(key))) continue;
    const shown = allowlist.map(({ source }) => source).join(" ");
    throw new CniError(ErrorCode.invalidConfig, `Sysctl ${key} is not allowed by ${allowlistPath}: it has [${shown}]`);
  }
}

/** Undefined without the file. @throws CniError 7 */
export function readAllowlist(path: string): readonly RegExp[] | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
  const lines = text.split("\n").map((line) => line.trim());
  return lines.filter((line) => line !== "").map((line) => toRegExp(line, path));
}

function toRegExp(line: string, path: string): RegExp {
  try {
    return new RegExp(line);
  } catch (cause) {
    const problem = `${path} has the line ${JSON.stringify(line)}, which is no regular expression: correct or remove it`;
    throw new CniError(ErrorCode.invalidConfig, problem, { cause });
  }
}
