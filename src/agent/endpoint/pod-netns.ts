// The network namespace of a pod.

import { fstatSync, statSync } from "node:fs";
import { Netns, NetnsError } from "#kernel/netns.ts";
import type { Host } from "#plugins/host.ts";

/** @throws NetnsError also for the node's own: its processes have the node's network, and a link within it would be nobody's */
export function openPodNetns(path: string, host: Pick<Host, "netns">): Netns {
  const netns = new Netns(path);
  if (fstatSync(netns.fd).ino !== statSync(host.netns?.path ?? "/proc/self/ns/net").ino) return netns;
  netns[Symbol.dispose]();
  throw new NetnsError(path, "wrong-kind", "it is the node's own, whose processes have its network already");
}

/** Undefined when there is none any more. */
export function openIfThere(path: string): Netns | undefined {
  try {
    return new Netns(path);
  } catch (error) {
    if (error instanceof NetnsError) return undefined;
    throw error;
  }
}
