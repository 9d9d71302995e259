// The ways between nodes on a real kernel: every mode over one link and over a router, with both families, and what is damaged comes back.

import { describe, expect, test } from "bun:test";
import { Netns } from "#kernel/netns.ts";
import { cidr } from "#net/cidr.ts";
import { ip } from "#net/ip.ts";
import { Connection } from "#netlink/connection.ts";
import { type Netns as BoxNetns, Sandbox } from "#test/sandbox.ts";
import { Fabric } from "./fabric.ts";
import type { FabricMode, FabricNode } from "./want.ts";

const waitMs = 20_000;

/** Two nodes and their fabrics: on one link, or each on a link of its own with a router between them. */
class Pair implements AsyncDisposable {
  readonly box = new Sandbox();
  readonly nodes: readonly BoxNetns[];
  readonly log: string[] = [];
  readonly #stack = new DisposableStack();
  readonly #router = this.box.netns("router");

  constructor(routed: boolean) {
    this.#stack.use(this.box);
    this.nodes = [1, 2].map((number) => this.box.netns(`node${number}`));
    this.#sysctls(this.#router);
    if (!routed) this.#ip(this.#router, "link add br0 up type bridge");
    for (const [index, netns] of this.nodes.entries()) {
      const number = index + 1;
      this.#sysctls(netns);
      this.#ip(this.#router, `link add port${number} up type veth peer name eth0 netns ${netns.name}`);
      const [v4, v6] = routed ? [`172.30.${number}`, `fd00:30:${number}:`] : ["172.30.0", "fd00:30:0:"];
      this.#ip(netns, `addr add ${v4}.1${number}/24 dev eth0`);
      this.#ip(netns, `addr add ${v6}:1${number}/64 dev eth0 nodad`);
      this.#ip(netns, "link set eth0 up");
      // What stands for a pod.
      this.#ip(netns, `addr add 10.244.${number}.1/32 dev lo`);
      this.#ip(netns, `addr add fd00:10:244:${number}::1/128 dev lo`);
      if (routed) {
        this.#ip(this.#router, `addr add ${v4}.1/24 dev port${number}`);
        this.#ip(this.#router, `addr add ${v6}:1/64 dev port${number} nodad`);
        this.#ip(netns, `route add default via ${v4}.1`);
        this.#ip(netns, `route add default via ${v6}:1`);
      } else this.#ip(this.#router, `link set port${number} master br0`);
    }
    this.#routed = routed;
  }

  readonly #routed: boolean;

  nodeOf(number: number, families: "ipv4" | "ipv6" | "dual" = "dual"): FabricNode {
    const net = this.#routed ? number : 0;
    const all = [ip(`172.30.${net}.1${number}`), ip(`fd00:30:${net}::1${number}`)];
    return {
      name: `node${number}`,
      addresses: families === "dual" ? all : families === "ipv4" ? all.slice(0, 1) : all.slice(1),
      blocks: [cidr(`10.244.${number}.0/24`), cidr(`fd00:10:244:${number}::/64`)],
    };
  }

  async start(mode: FabricMode, families?: "ipv4" | "ipv6" | "dual", others = [2, 1]): Promise<readonly Fabric[]> {
    const fabrics: Fabric[] = [];
    for (const [index, netns] of this.nodes.entries()) {
      const inside = this.#stack.use(new Netns(netns.path));
      const connection = this.#stack.use(new Connection("route", inside));
      const other = others[index];
      const nodes = () => ({
        self: this.nodeOf(index + 1, families),
        others: other === undefined ? [] : [this.nodeOf(other, families)],
      });
      const log = (line: string) => this.log.push(`node${index + 1} ${line}`);
      fabrics.push(
        this.#stack.use(await Fabric.start({ connection, netns: inside, datapath: undefined, mode, nodes, log })),
      );
    }
    return fabrics;
  }

  /** From the first node's pod to the second's. */
  pings(family: "ipv4" | "ipv6"): boolean {
    const [from, to] = family === "ipv4" ? ["10.244.1.1", "10.244.2.1"] : ["fd00:10:244:1::1", "fd00:10:244:2::1"];
    return this.box.run(this.#first, ["ping", "-c", "1", "-W", "1", "-I", from, to]).exitCode === 0;
  }

  /** Whether a ping comes through within some time: links that are new speak IPv6 late. */
  async reaches(family: "ipv4" | "ipv6", withinMs: number): Promise<boolean> {
    const end = Date.now() + withinMs;
    do {
      // A ping keeps the fabrics, which run in this process, from their work: they get time first.
      await Bun.sleep(100);
      if (this.pings(family)) return true;
    } while (Date.now() < end);
    return false;
  }

  get #first(): BoxNetns {
    const [first] = this.nodes;
    if (first === undefined) throw new Error("a pair has two nodes");
    return first;
  }

  sh(command: string): string {
    return this.box.sh(this.#first, ["sh", "-c", command]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stack.dispose();
  }

  #ip(netns: BoxNetns, command: string): void {
    this.box.sh(netns, ["ip", ...command.split(" ")]);
  }

  #sysctls(netns: BoxNetns): void {
    this.#ip(netns, "link set lo up");
    // Links are new here: without waiting for duplicates, they would not speak IPv6 for a second.
    const settings = ["1 ipv4/ip_forward", "1 ipv6/conf/all/forwarding", "0 ipv6/conf/default/accept_dad"];
    for (const setting of settings) {
      const [value, name] = setting.split(" ");
      this.box.sh(netns, ["sh", "-c", `echo ${value} > /proc/sys/net/${name}`]);
    }
  }
}

describe("the fabric", () => {
  const rows: readonly (readonly [
    mode: FabricMode,
    routed: boolean,
    nodes: "ipv4" | "ipv6" | "dual",
    overlay: boolean,
  ])[] = [
    ["direct", false, "dual", false],
    ["vxlan", false, "dual", true],
    ["auto", false, "dual", false],
    ["auto", true, "dual", true],
    ["vxlan", true, "ipv4", true],
    ["vxlan", true, "ipv6", true],
    ["auto", false, "ipv6", true],
  ];
  for (const [mode, routed, families, overlay] of rows) {
    test(`${mode} carries both families over ${routed ? "a router" : "one link"} between nodes of ${families}`, async () => {
      await using pair = new Pair(routed);
      const fabrics = await pair.start(mode, families);
      expect(fabrics.flatMap(({ faults }) => faults)).toEqual([]);
      const reached = [await pair.reaches("ipv4", waitMs), await pair.reaches("ipv6", waitMs)];
      expect([...reached, ...pair.log.filter((line) => line.includes("Cannot"))]).toEqual([true, true]);
      expect(pair.log.some((line) => line.includes("add twill-vxlan"))).toBe(overlay);
    });
  }

  test("goes from direct routes to the overlay and back when it is told to", async () => {
    await using pair = new Pair(false);
    for (const mode of ["direct", "vxlan", "direct"] as const) {
      const fabrics = await pair.start(mode);
      const reached = [await pair.reaches("ipv4", waitMs), await pair.reaches("ipv6", waitMs)];
      expect([mode, ...reached, ...pair.log.filter((line) => line.includes("Cannot"))]).toEqual([mode, true, true]);
      const way = mode === "vxlan" ? "encap ip6 id 1|encap ip id 1" : "via fd00:30::12 dev eth0";
      expect(pair.sh("ip -6 route show fd00:10:244:2::/64")).toMatch(new RegExp(way));
      for (const fabric of fabrics) fabric[Symbol.dispose]();
    }
  });

  const damages: readonly (readonly [what: string, command: string])[] = [
    ["the device", "ip link del twill-vxlan"],
    ["the device's state", "ip link set twill-vxlan down"],
    ["its MTU", "ip link set twill-vxlan mtu 1300"],
    ["a route", "ip route del 10.244.2.0/24"],
    ["a route's way", "ip route replace blackhole 10.244.2.0/24"],
    ["what a route says beside", "ip route replace 10.244.2.0/24 dev eth0 via 172.30.1.1 mtu 500"],
    ["a route's way, by another", "ip route prepend unreachable 10.244.2.0/24"],
    ["the device's port", "ip link del twill-vxlan; ip link add twill-vxlan up type vxlan external dstport 4789"],
    ["the device's kind", "ip link del twill-vxlan; ip link add twill-vxlan up type bridge"],
    ["the device's address", "ip link set twill-vxlan address 02:00:00:00:00:77"],
    ["the node's address", "ip addr flush dev twill-vxlan"],
    ["a neighbour", "ip neigh del 10.244.2.0 dev twill-vxlan"],
  ];
  test("puts back what somebody damages", async () => {
    await using pair = new Pair(true);
    await pair.start("vxlan");
    for (const [what, command] of damages) {
      pair.sh(command);
      expect(`${what}: ${await pair.reaches("ipv4", waitMs)}`).toBe(`${what}: true`);
    }
    expect(pair.sh("ip -d link show twill-vxlan")).toContain("mtu 1450");
  });

  test("sends what the node itself sends from the node's address, whatever else it has", async () => {
    await using pair = new Pair(true);
    pair.sh("ip addr add 10.96.0.10/32 dev lo");
    await pair.start("vxlan");
    expect(await pair.reaches("ipv4", waitMs)).toBe(true);
    expect(pair.sh("ip route get 10.244.2.1")).toContain("src 172.30.1.11 ");
    expect(pair.sh("ip route get fd00:10:244:2::1")).toContain("src fd00:30:1::11 ");
  });

  test("lets go of a node that left", async () => {
    await using pair = new Pair(true);
    await pair.start("vxlan", "dual", []);
    expect(pair.sh("ip route show proto 87").trim()).toBe("");
    expect(
      pair.box.run(pair.nodes[0] ?? pair.box.netns("none"), ["ip", "link", "show", "twill-vxlan"]).exitCode,
    ).not.toBe(0);
  });
});
