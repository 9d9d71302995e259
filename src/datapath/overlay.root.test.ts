// What the overlay brings with real packets: only what nodes that are known have, from where they are known to be.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { cidr } from "#net/cidr.ts";
import { ip } from "#net/ip.ts";
import { mac } from "#net/mac.ts";
import { PathNode } from "#test/path-node.ts";
import { isSilent, pings } from "#test/ping.ts";
import { Sandbox } from "#test/sandbox.ts";

setDefaultTimeout(120_000);

describe("the overlay", () => {
  /** Two nodes with a pod each. */
  function twoNodes(stack: DisposableStack) {
    const box = stack.use(new Sandbox());
    const [first, second] = [stack.use(new PathNode(box, 1)), stack.use(new PathNode(box, 2))];
    first.connect(second);
    first.tunnelTo(second);
    second.tunnelTo(first);
    return { box, first, second, a: first.addPod(), b: second.addPod() };
  }

  test("brings nothing from who is no node, and all from a node as soon as it is known", () => {
    using stack = new DisposableStack();
    const { box, first, second, a, b } = twoNodes(stack);
    for (const { block } of second.path.peers()) second.path.removePeer(block);
    expect(isSilent(box, a.netns, b.address)).toBe(true);
    expect(isSilent(box, a.netns, b.address6)).toBe(true);
    // Who is no node says to be a pod of one: the tunnel's end gives it away.
    const elsewhere = { node: ip("172.30.0.3"), mac: mac("02:00:00:00:99:03"), tunnel: true };
    second.path.setPeer({ ...elsewhere, block: cidr("10.244.1.0/24") });
    expect(isSilent(box, a.netns, b.address)).toBe(true);
    expect(second.path.counts()["drop-tunnel-node"].packets).toBe(3n);
    second.meet(first);
    expect(pings(box, a.netns, b.address)).toBe(true);
    expect(pings(box, a.netns, b.address6)).toBe(true);
  });

  test("brings nothing from a node but what it has: its own and its pods'", () => {
    using stack = new DisposableStack();
    const { box, first, second, b } = twoNodes(stack);
    first.routeThroughTunnel(second);
    for (const own of ["172.30.0.1", "10.9.9.9"]) first.ip(`addr add ${own}/32 dev twill-vxlan`);
    expect(isSilent(box, first.netns, b.address, "-I", "10.9.9.9")).toBe(true);
    expect(second.path.counts()["drop-tunnel-source"].packets).toBe(1n);
    expect(pings(box, first.netns, b.address, "-I", first.address)).toBe(true);
    expect(second.path.counts()["drop-tunnel-source"].packets).toBe(1n);
  });

  test("begins at the address that the others know a node by, of several that it has", () => {
    using stack = new DisposableStack();
    const { box, first, second, a, b } = twoNodes(stack);
    first.ip("addr add 172.30.0.101/24 dev eth0");
    first.ip("route add 172.30.0.2/32 dev eth0 src 172.30.0.101");
    expect(isSilent(box, a.netns, b.address)).toBe(true);
    expect(second.path.counts()["drop-tunnel-node"].packets).toBe(1n);
    first.path.set({ node: { ipv4: ip(first.address), ipv6: undefined } });
    expect(pings(box, a.netns, b.address)).toBe(true);
  });
});
