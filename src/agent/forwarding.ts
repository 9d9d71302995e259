// The switches that make a node a router between its pods and the world.

import { listLinks } from "#netlink/link.ts";
import { readSysctlIfThere, writeSysctl, writeSysctlIfThere } from "#plugins/container.ts";
import type { Host } from "#plugins/host.ts";
import { enableForwarding, forwardingPath } from "#plugins/node-gateway.ts";

/** Done before any pod is wired: links that come later take over what is set for all. @throws KernelError */
export function prepareForwarding(host: Host): void {
  enableForwarding("ipv4", host);
  if (readSysctlIfThere(host.netns, forwardingPath("ipv6")) === "0") {
    // A router takes no advertisements, unless told to (2): the node would lose its own default route.
    for (const { name } of listLinks(host.route())) {
      const path = `net/ipv6/conf/${name}/accept_ra`;
      if (readSysctlIfThere(host.netns, path) === "1") writeSysctl(host.netns, path, "2");
    }
    enableForwarding("ipv6", host);
  }
  // The node's ends of pods' links: their link-local addresses are nobody's, and must not be watched for a second each.
  writeSysctlIfThere(host.netns, "net/ipv6/conf/default/accept_dad", "0");
}
