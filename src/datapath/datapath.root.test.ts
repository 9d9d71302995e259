// The packet path under real traffic: pods on one node and on two, and what its programs do to liars.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { cidr } from "#net/cidr.ts";
import { ip } from "#net/ip.ts";
import { mac } from "#net/mac.ts";
import { PathNode } from "#test/path-node.ts";
import { isSilent, pings } from "#test/ping.ts";
import { Sandbox } from "#test/sandbox.ts";
import { ask, startEcho } from "#test/traffic.ts";

setDefaultTimeout(120_000);

describe("the packet path", () => {
  test("carries packets between the pods of a node, past the node's own routing", () => {
    using box = new Sandbox();
    using node = new PathNode(box, 0);
    const [a, b] = [node.addPod(), node.addPod()];
    expect(pings(box, a.netns, b.address)).toBe(true);
    expect(pings(box, a.netns, b.address6)).toBe(true);
    const { packets } = node.path.counts()["forward-local"];
    expect(Number(packets)).toBeGreaterThanOrEqual(4);
    // Not one of them was routed: the node has counted nothing.
    expect(node.sh("sh", "-c", "cat /proc/net/snmp | awk '/^Ip: [0-9]/ { print $7 }'").trim()).toBe("0");
  });

  test("leaves the node's own traffic to its pods, and theirs to it, alone", () => {
    using box = new Sandbox();
    using node = new PathNode(box, 0);
    node.sh("ip", "addr", "add", "172.30.0.11/32", "dev", "lo");
    node.sh("ip", "link", "set", "lo", "up");
    const pod = node.addPod();
    expect(pings(box, node.netns, pod.address, "-I", "172.30.0.11")).toBe(true);
    expect(pings(box, pod.netns, "172.30.0.11")).toBe(true);
  });

  test("drops what a pod sends as another", () => {
    using box = new Sandbox();
    using node = new PathNode(box, 0);
    const [liar, victim] = [node.addPod(), node.addPod()];
    box.sh(liar.netns, ["ip", "addr", "add", "10.244.0.99/32", "dev", "eth0"]);
    expect(isSilent(box, liar.netns, victim.address, "-I", "10.244.0.99")).toBe(true);
    expect(node.path.counts()["drop-source"].packets).toBe(1n);
    expect(pings(box, liar.netns, victim.address)).toBe(true);
  });

  test("answers a packet at the end of its life as a router does", () => {
    using box = new Sandbox();
    using node = new PathNode(box, 0);
    node.sh("ip", "addr", "add", "172.30.0.11/32", "dev", "lo");
    node.sh("ip", "link", "set", "lo", "up");
    const [a, b] = [node.addPod(), node.addPod()];
    const { stdout } = box.run(a.netns, ["ping", "-c", "1", "-W", "20", "-t", "1", b.address]);
    expect(stdout).toContain("Time to live exceeded");
  });

  test("carries packets to another node through the overlay, and drops what claims to come from there", () => {
    using box = new Sandbox();
    using first = new PathNode(box, 1);
    using second = new PathNode(box, 2);
    first.connect(second);
    first.tunnelTo(second);
    second.tunnelTo(first);
    const [a, b] = [first.addPod(), second.addPod()];
    expect(pings(box, a.netns, b.address)).toBe(true);
    expect(pings(box, a.netns, b.address6)).toBe(true);
    expect(pings(box, a.netns, b.address, "-s", "1300")).toBe(true);
    expect(Number(first.path.counts()["forward-tunnel"].packets)).toBeGreaterThanOrEqual(3);
    // The second node believes the first one's pods to live on a third.
    second.path.setPeer({
      block: cidr("10.244.1.0/24"),
      node: ip("172.30.0.3"),
      mac: mac("02:00:00:00:99:03"),
      tunnel: true,
    });
    expect(isSilent(box, a.netns, b.address)).toBe(true);
    expect(second.path.counts()["drop-tunnel-source"].packets).toBe(1n);
  });

  // Without the setting, the answer would come from the pod's own address, which the client never asked.
  test("leaves it to the kernel to translate services' addresses, there and back, on one node and on two", async () => {
    using box = new Sandbox();
    using first = new PathNode(box, 1, { kernelTranslates: true });
    using second = new PathNode(box, 2, { kernelTranslates: true });
    first.connect(second);
    for (const [node, other] of [
      [first, second],
      [second, first],
    ] as const) {
      node.tunnelTo(other);
      node.routeThroughTunnel(other);
    }
    const [client, near, far] = [first.addPod(), first.addPod(), second.addPod()];
    await startEcho(box, near.netns, { port: 80, name: "near" });
    await startEcho(box, far.netns, { port: 80, name: "far" });
    const rules = [
      "add table ip services",
      "add chain ip services prerouting { type nat hook prerouting priority -100; }",
      `add rule ip services prerouting ip daddr 10.96.0.1 dnat to ${near.address}`,
      `add rule ip services prerouting ip daddr 10.96.0.2 dnat to ${far.address}`,
    ];
    first.sh("nft", rules.join("; "));
    for (const [address, name] of [
      ["10.96.0.1", "near"],
      [near.address, "near"],
      ["10.96.0.2", "far"],
      [far.address, "far"],
    ] as const) {
      expect(ask(box, client.netns, address, 80)).toBe(`${name} ${client.address}`);
    }
    expect(first.path.counts()["forward-local"].packets).toBe(0n);
    box.sh(client.netns, ["ip", "addr", "add", "10.244.0.99/32", "dev", "eth0"]);
    expect(isSilent(box, client.netns, far.address, "-I", "10.244.0.99")).toBe(true);
    expect(first.path.counts()["drop-source"].packets).toBe(1n);
  });
});
