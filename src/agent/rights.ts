// What an agent must be allowed to do: told before it has touched anything.

import { readFileSync } from "node:fs";

/** capabilities(7), by their numbers of linux/capability.h: links and routes, and the namespaces of pods. */
const needed = { CAP_NET_ADMIN: 12, CAP_SYS_ADMIN: 21 } as const;

/** Of those the ones that a process lacks; `status` is proc_pid_status(5). */
export function missingRights(status: string): readonly string[] {
  const mask = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`);
  return Object.entries(needed).flatMap(([name, bit]) => ((mask >> BigInt(bit)) & 1n ? [] : [name]));
}

/** @throws Error saying which this process lacks */
export function checkRights(): void {
  const missing = missingRights(readFileSync("/proc/self/status", "utf8"));
  if (missing.length === 0) return;
  throw new Error(
    `Cannot run a node's agent without ${missing.join(" and ")}: run it as root, in a container privileged`,
  );
}
