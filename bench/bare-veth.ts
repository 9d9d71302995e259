// What every way between two pods is measured against.

import type { Netns, Sandbox } from "#test/sandbox.ts";

/** Two namespaces and a veth pair: nothing between two containers can be shorter. */
export function bareVeth(box: Sandbox): { readonly from: Netns; readonly to: Netns; readonly address: string } {
  const [from, to] = [box.netns("bare-a"), box.netns("bare-b")];
  box.sh(from, ["ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", to.name]);
  for (const [index, netns] of [from, to].entries()) {
    box.sh(netns, ["ip", "addr", "add", `10.9.0.${index + 1}/24`, "dev", "eth0"]);
    box.sh(netns, ["ip", "link", "set", "eth0", "up"]);
  }
  return { from, to, address: "10.9.0.2" };
}
