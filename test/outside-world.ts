// Clients outside of a cluster of two nodes, each with a pod: for tests of the packet path with real packets.

import { cidr } from "#net/cidr.ts";
import { ip } from "#net/ip.ts";
import { mac } from "#net/mac.ts";
import { PathNode, type PathPod } from "./path-node.ts";
import { type Netns, Sandbox } from "./sandbox.ts";
import { forward, join } from "./traffic.ts";

export const clientAddresses = { ipv4: "198.51.100.10", ipv6: "2001:db8:100::10" } as const;

/** The client knows the nodes only; the router has device `out` toward it, the nodes their `eth0`. */
export type OutsideWorld = {
  readonly box: Sandbox;
  readonly router: Netns;
  readonly client: Netns;
  readonly first: PathNode;
  readonly second: PathNode;
  /** Of the first node, and of the second. */
  readonly near: PathPod;
  readonly far: PathPod;
};

/** client ─ router ─┬─ node 1 with `near`
 *                   └─ node 2 with `far` */
export function makeOutsideWorld(stack: DisposableStack): OutsideWorld {
  const box = stack.use(new Sandbox());
  const [router, client] = [box.netns("router"), box.netns("client")];
  forward(box, router);
  withoutDuplicates(box, router);
  setIn(box, router, { "net/ipv4/conf/all/send_redirects": 0, "net/ipv4/conf/default/send_redirects": 0 });
  box.sh(router, ["ip", "link", "add", "br0", "type", "bridge"]);
  for (const address of ["172.30.0.254/24", "fd00:30::fe/64"]) {
    box.sh(router, ["ip", "addr", "add", address, "dev", "br0", ...(address.includes(":") ? ["nodad"] : [])]);
  }
  box.sh(router, ["ip", "link", "set", "br0", "up"]);
  join(
    box,
    [router, "out", "198.51.100.1/24", "2001:db8:100::1/64"],
    [client, "eth0", `${clientAddresses.ipv4}/24`, `${clientAddresses.ipv6}/64`],
  );
  box.sh(client, ["ip", "route", "add", "default", "via", "198.51.100.1"]);
  box.sh(client, ["ip", "-6", "route", "add", "default", "via", "2001:db8:100::1"]);
  const [first, second] = [1, 2].map((number) => addNode(stack, box, router, number)) as [PathNode, PathNode];
  joinDirectly(first, second);
  joinDirectly(second, first);
  return { box, router, client, first, second, near: first.addPod(), far: second.addPod() };
}

function addNode(stack: DisposableStack, box: Sandbox, router: Netns, number: number): PathNode {
  const node = stack.use(new PathNode(box, number));
  const own = [node.address, `fd00:30::${number}`] as const;
  withoutDuplicates(box, node.netns);
  join(box, [router, `to${number}`], [node.netns, "eth0", `${own[0]}/24`, `${own[1]}/64`]);
  box.sh(router, ["ip", "link", "set", `to${number}`, "master", "br0"]);
  node.ip("route add default via 172.30.0.254");
  node.ip("-6 route add default via fd00:30::fe");
  node.path.set({ node: { ipv4: ip(own[0]), ipv6: ip(own[1]) }, firstPort: 61_000, lastPort: 65_535 });
  for (const address of own) node.path.policy.identities.set(ip(address), 1);
  node.receive("eth0");
  return node;
}

function joinDirectly(node: PathNode, { number, address }: PathNode): void {
  node.ip(`route add 10.244.${number}.0/24 via ${address}`);
  node.ip(`-6 route add fd00:10:244:${number}::/64 via fd00:30::${number}`);
  const there = { mac: mac("02:00:00:00:99:99"), tunnel: false };
  // As agents have it where nodes have addresses of both families: the first one leads to all blocks.
  for (const block of [`10.244.${number}.0/24`, `fd00:10:244:${number}::/64`]) {
    node.path.setPeer({ ...there, block: cidr(block), node: ip(address) });
  }
}

/** Nobody is asked for a neighbour while the asker's own address is watched for duplicates. */
function withoutDuplicates(box: Sandbox, netns: Netns): void {
  setIn(box, netns, { "net/ipv6/conf/all/accept_dad": 0, "net/ipv6/conf/default/accept_dad": 0 });
}

/** Switches below /proc/sys of a namespace. */
export function setIn(box: Sandbox, netns: Netns, switches: Readonly<Record<string, number>>): void {
  const lines = Object.entries(switches).map(([path, value]) => `echo ${value} > /proc/sys/${path}`);
  box.sh(netns, ["sh", "-c", lines.join("; ")]);
}
