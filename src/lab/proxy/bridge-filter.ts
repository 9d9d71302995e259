// Whether what pods of one bridge say to each other passes the node's own rules, as Kubernetes wants it of a node.

import { existsSync, writeFileSync } from "node:fs";

/** Of each network namespace; they are there when the kernel has br_netfilter, built in or loaded. */
const settings = ["iptables", "ip6tables"].map((name) => `/proc/sys/net/bridge/bridge-nf-call-${name}`);

/** Switches it on in this process's network; false where the kernel cannot. @throws what node:fs throws */
export function enableBridgeFilter(): boolean {
  const there = settings.filter((path) => existsSync(path));
  for (const path of there) writeFileSync(path, "1");
  return there.length === settings.length;
}
