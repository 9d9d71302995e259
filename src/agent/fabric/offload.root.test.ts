// Checksums in the overlay over a wire that loses those which a device should have made, and over one that does not.

import { describe, expect, test } from "bun:test";
import { leaveChecksums, leavesChecksums } from "#kernel/checksum-offload.ts";
import { Netns } from "#kernel/netns.ts";
import { PacketSocket } from "#kernel/packet-socket.ts";
import { cidr } from "#net/cidr.ts";
import { ip } from "#net/ip.ts";
import { Connection } from "#netlink/connection.ts";
import { findLink } from "#netlink/link.ts";
import { type Netns as BoxNetns, Sandbox } from "#test/sandbox.ts";
import { until } from "#test/until.ts";
import { Fabric } from "./fabric.ts";
import type { Checksums } from "./offload-memory.ts";
import { probePort } from "./probe-message.ts";
import type { FabricNode } from "./want.ts";

type Outer = "ipv4" | "ipv6";
const everyProtocol = 3; // ETH_P_ALL
const maxFrames = 10_000;

/**
 * Two nodes whose wire is a bridge, or a program that copies frames as they are: as a device does that makes no inner checksums. `loses`
 * copies no questions with a checksum, whoever made it.
 */
type Wire = "bridge" | "copies" | "loses";

class Wired implements Disposable {
  readonly box = new Sandbox();
  readonly nodes: readonly BoxNetns[];
  readonly log: string[] = [];
  /** What the nodes remember. */
  readonly checksums: Checksums[] = ["devices", "devices"];
  readonly #stack = new DisposableStack();
  readonly #outer: Outer;

  constructor(wire: Wire, outer: Outer) {
    this.#outer = outer;
    this.#stack.use(this.box);
    const between = this.box.netns("wire");
    this.nodes = [1, 2].map((number) => this.box.netns(`node${number}`));
    if (wire === "bridge") this.#ip(between, "link add br0 up type bridge");
    for (const [index, netns] of this.nodes.entries()) {
      const number = index + 1;
      this.box.sh(netns, ["sh", "-c", "echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad"]);
      this.#ip(between, `link add port${number} up type veth peer name eth0 netns ${netns.name}`);
      this.#ip(netns, `addr add 172.30.0.1${number}/24 dev eth0`);
      this.#ip(netns, `addr add fd00:30::1${number}/64 dev eth0 nodad`);
      this.#ip(netns, "link set eth0 up");
      this.#ip(netns, `addr add 10.244.${number}.1/32 dev lo`);
      this.#ip(netns, `addr add fd00:10:244:${number}::1/128 dev lo`);
      if (wire === "bridge") this.#ip(between, `link set port${number} master br0`);
    }
    if (wire !== "bridge")
      this.#copyFrames(between, wire === "copies" ? () => true : (frame) => !isSummedQuestion(frame));
  }

  /** Nodes neither ask nor answer unless their number is among `looking`. */
  async start(looking: readonly number[] = [1, 2]): Promise<readonly Fabric[]> {
    const fabrics: Fabric[] = [];
    for (const [index, netns] of this.nodes.entries()) {
      const inside = this.#stack.use(new Netns(netns.path));
      const connection = this.#stack.use(new Connection("route", inside));
      const memory = {
        checksums: () => this.checksums[index] ?? "devices",
        setChecksums: (checksums: Checksums) => {
          this.checksums[index] = checksums;
        },
      };
      fabrics.push(
        this.#stack.use(
          await Fabric.start({
            ...{ connection, netns: inside, datapath: undefined, mode: "vxlan" },
            nodes: () => ({ self: this.#nodeOf(index + 1), others: [this.#nodeOf(2 - index)] }),
            log: (line) => this.log.push(`node${index + 1} ${line}`),
            ...(looking.includes(index + 1) ? { offload: { memory, random } } : {}),
          }),
        ),
      );
    }
    return fabrics;
  }

  /** Whether the overlay's device of each node leaves checksums to those below. */
  get leaves(): readonly boolean[] {
    return this.nodes.map(({ path }) => {
      using inside = new Netns(path);
      return leavesChecksums(inside, "twill-vxlan");
    });
  }

  /** From the first node's pod to the second's. */
  async pings(): Promise<boolean> {
    const { from, to } = this.#pods;
    return (await this.#first(["ping", "-c", "1", "-W", "20", "-I", from, to])) === 0;
  }

  /** By TCP, within so many seconds. */
  async connects(seconds = 20): Promise<boolean> {
    const { from, to } = this.#pods;
    const url = `http://${to.includes(":") ? `[${to}]` : to}:8080/`;
    return (await this.#first(["curl", "-s", "-m", String(seconds), "--interface", from, url])) === 0;
  }

  /** A process of the second node's that answers by TCP. */
  async serve(): Promise<void> {
    const [, second = this.box.netns("none")] = this.nodes;
    const program = `Bun.serve({ hostname: "::", port: 8080, fetch: () => new Response("pod") }); console.log("listening")`;
    const server = this.box.start(second, [process.execPath, "-e", program]);
    await until(() => server.output().includes("listening"));
  }

  get #pods(): { readonly from: string; readonly to: string } {
    if (this.#outer === "ipv4") return { from: "10.244.1.1", to: "10.244.2.1" };
    return { from: "fd00:10:244:1::1", to: "fd00:10:244:2::1" };
  }

  #first(command: readonly string[]): Promise<number> {
    const [first = this.box.netns("none")] = this.nodes;
    return this.box.start(first, command).exited;
  }

  #nodeOf(number: number): FabricNode {
    const isIpv4 = this.#outer === "ipv4";
    return {
      name: `node${number}`,
      addresses: [ip(isIpv4 ? `172.30.0.1${number}` : `fd00:30::1${number}`)],
      blocks: [cidr(isIpv4 ? `10.244.${number}.0/24` : `fd00:10:244:${number}::/64`)],
    };
  }

  #copyFrames(between: BoxNetns, passes: (frame: Uint8Array) => boolean): void {
    const inside = this.#stack.use(new Netns(between.path));
    const connection = this.#stack.use(new Connection("route", inside));
    const [one, two] = ["port1", "port2"].map((name) =>
      this.#stack.use(
        new PacketSocket(inside, findLink(connection, name)?.index ?? 0, { etherType: everyProtocol, filter: [] }),
      ),
    );
    if (one === undefined || two === undefined) throw new Error("a wire has two ends");
    for (const [from, to] of [
      [one, two],
      [two, one],
    ] as const) {
      copy(from, to, passes).catch(() => {});
    }
  }

  #ip(netns: BoxNetns, command: string): void {
    this.box.sh(netns, ["ip", ...command.split(" ")]);
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}

function random(bytes: Uint8Array): Uint8Array {
  return bytes.map(() => Math.floor(Math.random() * 256));
}

/** Ends with an error when the socket is closed. */
async function copy(from: PacketSocket, to: PacketSocket, passes: (frame: Uint8Array) => boolean): Promise<void> {
  await from.listen();
  for (let count = 0; count < maxFrames; count++) {
    const frame = await from.receive(10_000);
    if (frame !== undefined && passes(frame)) to.send(frame);
  }
}

/** Over IPv4: Ethernet, IP, UDP, VXLAN, and Ethernet and IP once more are before the inner UDP header. */
const innerUdp = 14 + 20 + 8 + 8 + 14 + 20;

function isSummedQuestion(frame: Uint8Array): boolean {
  if (frame.length < innerUdp + 8) return false;
  const header = new DataView(frame.buffer, frame.byteOffset + innerUdp);
  return header.getUint16(2) === probePort && header.getUint16(6) !== 0;
}

describe("checksums in the overlay", () => {
  for (const outer of ["ipv4", "ipv6"] as const) {
    test(`are made by the kernel where devices do not, over ${outer}`, async () => {
      using wired = new Wired("copies", outer);
      await wired.serve();
      const unaware = await wired.start([]);
      expect([await wired.pings(), await wired.connects(1.5)]).toEqual([true, false]);
      for (const fabric of unaware) fabric[Symbol.dispose]();
      const before = await wired.start();
      await until(() => wired.checksums.every((each) => each === "kernel"));
      expect([wired.checksums, wired.leaves]).toEqual([
        ["kernel", "kernel"],
        [false, false],
      ]);
      expect(await wired.connects()).toBe(true);
      const said = wired.log.filter((line) => line.includes("are made by the kernel from now on"));
      expect(said.map((line) => line.slice(0, 5)).sort()).toEqual(["node1", "node2"]);
      for (const fabric of before) fabric[Symbol.dispose]();
      // Another agent finds another device, and remembers.
      for (const netns of wired.nodes) wired.box.sh(netns, ["ip", "link", "del", "twill-vxlan"]);
      await wired.start();
      expect(wired.leaves).toEqual([false, false]);
      expect(await wired.connects()).toBe(true);
    }, 120_000);
  }

  test("are left to devices that make them", async () => {
    using wired = new Wired("bridge", "ipv4");
    await wired.serve();
    await wired.start();
    expect(await wired.connects()).toBe(true);
    await Bun.sleep(2_500);
    expect([...wired.checksums, ...wired.leaves]).toEqual(["devices", "devices", true, true]);
    expect(wired.log.filter((line) => line.includes("checksums"))).toEqual([]);
  }, 120_000);

  test("are left to devices when the other node does not answer", async () => {
    using wired = new Wired("copies", "ipv4");
    await wired.start([1]);
    expect(await wired.pings()).toBe(true);
    await Bun.sleep(2_500);
    expect([...wired.checksums, ...wired.leaves]).toEqual(["devices", "devices", true, true]);
  }, 120_000);

  test("are left to devices when those of the kernel help nobody, which is told", async () => {
    using wired = new Wired("loses", "ipv4");
    await wired.start();
    const told = () => wired.log.filter((line) => line.includes("also when the kernel makes it"));
    await until(() => told().length === 2);
    expect(
      told()
        .map((line) => line.slice(0, 5))
        .sort(),
    ).toEqual(["node1", "node2"]);
    expect([...wired.checksums, ...wired.leaves]).toEqual(["devices", "devices", true, true]);
  }, 120_000);

  test("are the devices' again when an agent came to no end with its question", async () => {
    using wired = new Wired("bridge", "ipv4");
    for (const fabric of await wired.start()) fabric[Symbol.dispose]();
    const [first = wired.box.netns("none")] = wired.nodes;
    using inside = new Netns(first.path);
    leaveChecksums(inside, "twill-vxlan", false);
    wired.checksums[0] = "trying";
    expect(wired.leaves).toEqual([false, true]);
    await wired.start();
    expect([...wired.checksums, ...wired.leaves]).toEqual(["devices", "devices", true, true]);
  }, 120_000);
});
