// Single packets through the programs: what goes in, the verdict, what comes out.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { runProgram } from "#kernel/bpf-test-run.ts";
import { cidr } from "#net/cidr.ts";
import { ip } from "#net/ip.ts";
import { mac } from "#net/mac.ts";
import { packetBytes, showPacket, type TestPacket } from "#test/packet.ts";
import { smallMaps, verdicts } from "#test/packet-path.ts";
import { Datapath } from "./datapath.ts";

/** TC_ACT_ */
/** The loopback device, which every namespace has: programs are told they work for it. */
const loopback = 1;

let path: Datapath;
beforeAll(() => {
  path = new Datapath({ pins: undefined, sizes: smallMaps });
  path.setEndpoint({
    ...{ id: 1, ifindex: loopback, mtu: 1500, mac: mac("02:00:00:00:01:01"), hostMac: mac("02:00:00:00:01:ff") },
    ...{ ipv4: ip("10.244.0.1"), ipv6: ip("fd00:10:244::1"), policySet: 0 },
  });
  path.setEndpoint({
    ...{ id: 2, ifindex: 77, mtu: 1400, mac: mac("02:00:00:00:02:01"), hostMac: mac("02:00:00:00:02:ff") },
    ...{ ipv4: ip("10.244.0.2"), ipv6: ip("fd00:10:244::2"), policySet: 0 },
  });
  path.set({ tunnelIfindex: 99, tunnelId: 1, tunnelMac: mac("02:00:00:00:99:01") });
  const node = { node: ip("172.30.0.12"), mac: mac("02:00:00:00:99:02") };
  path.setPeer({ ...node, block: cidr("10.244.1.0/24"), tunnel: true });
  path.setPeer({ ...node, block: cidr("10.244.2.0/24"), tunnel: false });
  path.setPeer({ ...node, block: cidr("10.244.1.128/25"), tunnel: false });
  path.setPeer({ ...node, block: cidr("fd00:10:244:1::/64"), tunnel: true });
  path.setPeer({ node: ip("fd00:30::13"), mac: node.mac, block: cidr("10.244.3.0/24"), tunnel: true });
});
afterAll(() => path[Symbol.dispose]());

function outcome(
  program: Parameters<Datapath["programFd"]>[0],
  packet: TestPacket,
  of = path,
): readonly [verdict: string, packet: string, counted: string] {
  const before = of.counts();
  const run = runProgram(of.programFd(program), packetBytes(packet), loopback);
  const after = of.counts();
  const counted = Object.keys(after).filter(
    (name) => after[name as keyof typeof after].packets > before[name as keyof typeof before].packets,
  );
  return [verdicts.get(run.result) ?? String(run.result), showPacket(run.packet), counted.join()];
}

const same = "ttl 64 mac 02:00:00:00:00:01 > 00:00:00:00:00:00";
const toSecond = "ttl 63 mac 02:00:00:00:02:ff > 02:00:00:00:02:01";
const toTunnel = "ttl 63 mac 02:00:00:00:99:01 > 02:00:00:00:99:02";

describe("from_pod", () => {
  const v4 = (to: string, more: Partial<TestPacket> = {}): TestPacket => ({ from: "10.244.0.1", to, ...more });
  const v6 = (to: string, more: Partial<TestPacket> = {}): TestPacket => ({ from: "fd00:10:244::1", to, ...more });
  const rows: readonly (readonly [what: string, packet: TestPacket, verdict: string, out: string, counted: string])[] =
    [
      ["takes a packet to the pod next door", v4("10.244.0.2"), "redirect", toSecond, "forward-local"],
      [
        "takes a packet to itself",
        v4("10.244.0.1"),
        "redirect",
        "ttl 63 mac 02:00:00:00:01:ff > 02:00:00:00:01:01",
        "forward-local",
      ],
      ["takes IPv6 to the pod next door", v6("fd00:10:244::2"), "redirect", toSecond, "forward-local"],
      ["takes a packet into the tunnel", v4("10.244.1.7"), "redirect", toTunnel, "forward-tunnel"],
      ["takes IPv6 into the tunnel", v6("fd00:10:244:1::7"), "redirect", toTunnel, "forward-tunnel"],
      ["takes a packet into a tunnel over IPv6", v4("10.244.3.7"), "redirect", toTunnel, "forward-tunnel"],
      ["leaves direct peers to the kernel", v4("10.244.2.7"), "kernel", same, "forward-kernel"],
      ["follows the longest block", v4("10.244.1.200"), "kernel", same, "forward-kernel"],
      ["leaves the world to the kernel", v4("203.0.113.10"), "kernel", same, "forward-kernel"],
      [
        "leaves what is at its end to the kernel",
        v4("10.244.0.2", { ttl: 1 }),
        "kernel",
        "ttl 1 mac 02:00:00:00:00:01 > 00:00:00:00:00:00",
        "forward-kernel",
      ],
      [
        "leaves what is too big for its receiver to the kernel",
        v4("10.244.0.2", { payloadBytes: 1420 }),
        "kernel",
        same,
        "forward-kernel",
      ],
      ["takes the largest that fits", v4("10.244.0.2", { payloadBytes: 1380 }), "redirect", toSecond, "forward-local"],
      ["leaves groups on the link", v4("224.0.0.1"), "kernel", same, "forward-kernel"],
      ["leaves neighbour discovery on the link", { from: "fe80::1", to: "ff02::1" }, "kernel", same, "forward-kernel"],
      ["drops another's address", { from: "10.244.0.2", to: "10.244.0.2" }, "drop", same, "drop-source"],
      ["drops another's IPv6 address", { from: "fd00:10:244::2", to: "fd00:10:244::2" }, "drop", same, "drop-source"],
      [
        "drops link-local addresses that would leave the link",
        { from: "fe80::1", to: "fd00:10:244::2" },
        "drop",
        same,
        "drop-source",
      ],
      ["drops no address at all", { from: "0.0.0.0", to: "10.244.0.2" }, "drop", same, "drop-source"],
    ];
  for (const [what, packet, ...expected] of rows)
    test(what, () => expect(outcome("from_pod", packet)).toEqual(expected));

  test("keeps the checksum right for every time to live", () => {
    for (let ttl = 2; ttl <= 255; ttl++) {
      const { packet } = runProgram(path.programFd("from_pod"), packetBytes(v4("10.244.0.2", { ttl })), loopback);
      expect(showPacket(packet)).toBe(toSecond.replace("63", String(ttl - 1)));
    }
  });
});

describe("from_net", () => {
  const rows: readonly (readonly [what: string, packet: TestPacket, verdict: string, out: string, counted: string])[] =
    [
      ["delivers to a pod", { from: "10.244.2.7", to: "10.244.0.2" }, "redirect", toSecond, "forward-local"],
      ["does not touch what is for others", { from: "10.244.1.7", to: "172.30.0.11" }, "kernel", same, ""],
    ];
  for (const [what, packet, ...expected] of rows)
    test(what, () => expect(outcome("from_net", packet)).toEqual(expected));
});

describe("where the kernel translates addresses", () => {
  let translating: Datapath;
  beforeAll(() => {
    translating = new Datapath({ pins: undefined, kernelTranslates: true, sizes: smallMaps });
    const macs = { mac: mac("02:00:00:00:01:01"), hostMac: mac("02:00:00:00:01:ff") };
    const addresses = { ipv4: ip("10.244.0.1"), ipv6: undefined };
    translating.setEndpoint({ ...{ id: 1, ifindex: loopback, mtu: 1500 }, ...macs, ...addresses, policySet: 0 });
    const node = { node: ip("172.30.0.12"), mac: mac("02:00:00:00:99:02") };
    translating.setPeer({ ...node, block: cidr("10.244.1.0/24"), tunnel: true });
    translating.set({ tunnelIfindex: 99, tunnelId: 1, tunnelMac: node.mac });
  });
  afterAll(() => translating[Symbol.dispose]());

  const rows: readonly (readonly [what: string, from: string, to: string, verdict: string, counted: string])[] = [
    ["packets to pods of the node go by it", "10.244.0.1", "10.244.0.1", "kernel", "forward-kernel"],
    ["packets to pods of other nodes do", "10.244.0.1", "10.244.1.7", "kernel", "forward-kernel"],
    ["senders are checked before", "10.244.0.2", "10.244.0.1", "drop", "drop-source"],
  ];
  for (const [what, from, to, verdict, counted] of rows) {
    test(what, () => expect(outcome("from_pod", { from, to }, translating)).toEqual([verdict, same, counted]));
  }
});

describe("a pod that is removed", () => {
  test("is reached no more, and its address is left to whoever has it next", () => {
    const entry = {
      mtu: 1500,
      mac: mac("02:00:00:00:03:01"),
      hostMac: mac("02:00:00:00:03:ff"),
      ipv4: ip("10.244.0.3"),
      ipv6: undefined,
      policySet: 0,
    };
    path.setEndpoint({ ...entry, id: 3, ifindex: 78 });
    path.setEndpoint({ ...entry, id: 4, ifindex: 79 });
    path.removeEndpoint({ ifindex: 78, ipv4: ip("10.244.0.3"), ipv6: undefined });
    expect(path.endpoints().filter(({ address }) => address === ip("10.244.0.3"))).toEqual([
      { address: ip("10.244.0.3"), ifindex: 79, id: 4 },
    ]);
    path.removeEndpoint({ ifindex: 79, ipv4: ip("10.244.0.3"), ipv6: undefined });
    expect(outcome("from_pod", { from: "10.244.0.1", to: "10.244.0.3" })).toEqual(["kernel", same, "forward-kernel"]);
  });
});

describe("peers", () => {
  test("are read as they were written", () => {
    expect(
      path
        .peers()
        .map(({ block, node, tunnel }) => `${block} ${node} ${tunnel}`)
        .sort(),
    ).toEqual([
      "10.244.1.0/24 172.30.0.12 true",
      "10.244.1.128/25 172.30.0.12 false",
      "10.244.2.0/24 172.30.0.12 false",
      "10.244.3.0/24 fd00:30::13 true",
      "fd00:10:244:1::/64 172.30.0.12 true",
    ]);
  });
});
