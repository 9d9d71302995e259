// The packet path under real traffic: pods on one node and on two, and what its programs do to liars.

import { describe, expect, test } from "bun:test";
import { Netns } from "#kernel/netns.ts";
import { cidr } from "#net/cidr.ts";
import { ip } from "#net/ip.ts";
import { mac } from "#net/mac.ts";
import { Connection } from "#netlink/connection.ts";
import { findLink } from "#netlink/link.ts";
import { type Netns as BoxNetns, Sandbox } from "#test/sandbox.ts";
import { Datapath } from "./datapath.ts";

const gateway = "169.254.1.1";

/** A node of its own: a namespace, its connection and its packet path. */
class TestNode implements Disposable {
  readonly netns: BoxNetns;
  readonly path: Datapath;
  readonly #box: Sandbox;
  readonly #stack = new DisposableStack();
  readonly #connection: Connection;
  readonly number: number;
  #pods = 0;

  constructor(box: Sandbox, number: number) {
    this.#box = box;
    this.number = number;
    this.netns = box.netns(`node${number}`);
    this.#connection = this.#stack.use(new Connection("route", this.#stack.use(new Netns(this.netns.path))));
    this.path = this.#stack.use(new Datapath({ pins: undefined }));
    this.path.attachPods(this.#connection);
    for (const name of ["ipv4/ip_forward", "ipv6/conf/all/forwarding"])
      this.sh("sh", "-c", `echo 1 > /proc/sys/net/${name}`);
  }

  sh(...command: readonly string[]): string {
    return this.#box.sh(this.netns, [...command]);
  }

  /** A pod as the agent wires one. */
  addPod(): { readonly netns: BoxNetns; readonly address: string; readonly address6: string } {
    const number = ++this.#pods;
    const netns = this.#box.netns(`pod${this.number}-${number}`);
    const address = `10.244.${this.number}.${number}`;
    const address6 = `fd00:10:244:${this.number}::${number}`;
    const [host, peer] = [`02:00:00:00:0${number}:ff`, `02:00:00:00:0${number}:01`];
    this.sh(
      "ip",
      "link",
      "add",
      `tw${number}`,
      "address",
      host,
      "type",
      "veth",
      "peer",
      "eth0",
      "address",
      peer,
      "netns",
      netns.name,
    );
    const ifindex = findLink(this.#connection, `tw${number}`)?.index ?? 0;
    this.#connection.apply([this.path.joinBlocks(ifindex)]);
    this.sh("ip", "link", "set", `tw${number}`, "up");
    for (const own of [`${address}/32`, `${address6}/128`]) {
      const bare = own.replace(/\/.*/, "");
      this.sh("ip", "route", "add", own, "dev", `tw${number}`);
      this.sh("ip", "neigh", "add", bare, "lladdr", peer, "dev", `tw${number}`);
    }
    const inPod = (...command: readonly string[]) => this.#box.sh(netns, ["ip", ...command]);
    inPod("link", "set", "lo", "up");
    inPod("link", "set", "eth0", "up");
    inPod("addr", "add", `${address}/32`, "dev", "eth0");
    inPod("addr", "add", `${address6}/128`, "dev", "eth0", "nodad");
    inPod("route", "add", gateway, "dev", "eth0");
    inPod("neigh", "add", gateway, "lladdr", host, "dev", "eth0");
    inPod("route", "add", "default", "via", gateway);
    inPod("neigh", "add", "fe80::1", "lladdr", host, "dev", "eth0");
    inPod("-6", "route", "add", "default", "via", "fe80::1", "dev", "eth0");
    const entry = { id: number, ifindex, mtu: 1500, mac: mac(peer), hostMac: mac(host) };
    this.path.setEndpoint({ ...entry, ipv4: ip(address), ipv6: ip(address6) });
    return { netns, address, address6 };
  }

  /** An overlay to another node, over the link `eth0`. */
  addTunnel(other: string, peer: number): void {
    const [mine, theirs] = [`02:00:00:00:99:0${this.number}`, `02:00:00:00:99:0${peer}`];
    this.sh(
      "ip",
      "link",
      "add",
      "twill-vxlan",
      "address",
      mine,
      "type",
      "vxlan",
      "external",
      "dstport",
      "8472",
      "nolearning",
    );
    this.sh("ip", "link", "set", "twill-vxlan", "up");
    const ifindex = findLink(this.#connection, "twill-vxlan")?.index ?? 0;
    this.path.setTunnel(ifindex, 1, mac(mine));
    this.path.attachDevice(this.#connection, ifindex, "from_overlay");
    for (const block of [`10.244.${peer}.0/24`, `fd00:10:244:${peer}::/64`]) {
      this.path.setPeer({ block: cidr(block), node: ip(other), mac: mac(theirs), tunnel: true });
    }
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}

function pings(box: Sandbox, from: BoxNetns, to: string, ...flags: readonly string[]): boolean {
  return box.run(from, ["ping", "-c", "1", "-W", "1", ...flags, to]).exitCode === 0;
}

describe("the packet path", () => {
  test("carries packets between the pods of a node, past the node's own routing", () => {
    using box = new Sandbox();
    using node = new TestNode(box, 0);
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
    using node = new TestNode(box, 0);
    node.sh("ip", "addr", "add", "172.30.0.11/32", "dev", "lo");
    node.sh("ip", "link", "set", "lo", "up");
    const pod = node.addPod();
    expect(pings(box, node.netns, pod.address, "-I", "172.30.0.11")).toBe(true);
    expect(pings(box, pod.netns, "172.30.0.11")).toBe(true);
  });

  test("drops what a pod sends as another", () => {
    using box = new Sandbox();
    using node = new TestNode(box, 0);
    const [liar, victim] = [node.addPod(), node.addPod()];
    box.sh(liar.netns, ["ip", "addr", "add", "10.244.0.99/32", "dev", "eth0"]);
    expect(pings(box, liar.netns, victim.address, "-I", "10.244.0.99")).toBe(false);
    expect(node.path.counts()["drop-source"].packets).toBe(1n);
    expect(pings(box, liar.netns, victim.address)).toBe(true);
  });

  test("answers a packet at the end of its life as a router does", () => {
    using box = new Sandbox();
    using node = new TestNode(box, 0);
    node.sh("ip", "addr", "add", "172.30.0.11/32", "dev", "lo");
    node.sh("ip", "link", "set", "lo", "up");
    const [a, b] = [node.addPod(), node.addPod()];
    const { stdout } = box.run(a.netns, ["ping", "-c", "1", "-W", "1", "-t", "1", b.address]);
    expect(stdout).toContain("Time to live exceeded");
  });

  test("carries packets to another node through the overlay, and drops what claims to come from there", () => {
    using box = new Sandbox();
    using first = new TestNode(box, 1);
    using second = new TestNode(box, 2);
    first.sh("ip", "link", "add", "eth0", "type", "veth", "peer", "eth0", "netns", second.netns.name);
    for (const [node, own] of [
      [first, "172.30.0.1"],
      [second, "172.30.0.2"],
    ] as const) {
      node.sh("ip", "addr", "add", `${own}/24`, "dev", "eth0");
      node.sh("ip", "link", "set", "eth0", "up");
    }
    first.addTunnel("172.30.0.2", 2);
    second.addTunnel("172.30.0.1", 1);
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
    expect(pings(box, a.netns, b.address)).toBe(false);
    expect(second.path.counts()["drop-tunnel-source"].packets).toBe(1n);
  });
});
