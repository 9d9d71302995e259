// The switches that make a node a router between its pods and the world.

import { messageOf } from "#base/error-message.ts";
import { listLinks } from "#netlink/link.ts";
import { readSysctlIfThere, writeSysctl } from "#plugins/container.ts";
import type { Host } from "#plugins/host.ts";
import { forwardingPath } from "#plugins/node-gateway.ts";

/** Below /proc/sys; links that come later take over what is set for all. */
const switches: readonly (readonly [path: string, value: string])[] = [
  [forwardingPath("ipv4"), "1"],
  [forwardingPath("ipv6"), "1"],
  // The node's ends of pods' links: their link-local addresses are nobody's, and must not be watched for a second each.
  ["net/ipv6/conf/default/accept_dad", "0"],
  // What is translated to an address of the node's, and must be cut into fragments, comes to the kernel this way (bpf/errors.h).
  ["net/ipv4/conf/lo/accept_local", "1"],
];

/** Sets those that are not as they must be, before any pod is wired and whenever somebody changed one; returns them. @throws KernelError */
export function ensureForwarding(host: Host): readonly string[] {
  const wrong = switches.filter(([path, value]) => {
    const now = readSysctlIfThere(host.netns, path);
    // A kernel without the switch (IPv6 off) has nothing to set.
    return now !== undefined && now !== value;
  });
  for (const [path, value] of wrong) {
    if (path === forwardingPath("ipv6")) keepAdvertisements(host);
    writeSysctl(host.netns, path, value);
  }
  return wrong.map(([path]) => path);
}

/** Settings of the machine are applied again when its administrator or a package says so, and then without those of the agent. */
export function keepForwarding(host: Host, log: (line: string) => void): void {
  try {
    for (const path of ensureForwarding(host)) log(`forwarding: put back ${path.replaceAll("/", ".")}`);
  } catch (error) {
    log(`forwarding: ${messageOf(error)}`);
  }
}

/** A router takes no advertisements, unless told to (2): the node would lose its own default route. */
function keepAdvertisements(host: Host): void {
  for (const { name } of listLinks(host.route())) {
    const path = `net/ipv6/conf/${name}/accept_ra`;
    if (readSysctlIfThere(host.netns, path) === "1") writeSysctl(host.netns, path, "2");
  }
}
