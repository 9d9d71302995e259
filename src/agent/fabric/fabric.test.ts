// Plans of a fabric as text: what a node does as others come, change and go.

import { describe, expect, test } from "bun:test";
import { cidr } from "#net/cidr.ts";
import { type Ip, ip } from "#net/ip.ts";
import { linkLocalOf } from "#net/link-local.ts";
import type { FabricHave } from "./have.ts";
import { podMtu, tunnelMtu } from "./mtu.ts";
import { formatFabricOperation, planFabric } from "./plan.ts";
import { type FabricMode, type FabricNode, overlayMac, wantFabric } from "./want.ts";

const node = (name: string, addresses: string, blocks: string): FabricNode => ({
  name,
  addresses: addresses.split(" ").map(ip),
  blocks: blocks.split(" ").map(cidr),
});
const self = node("node1", "172.30.0.11 fd00:30::11", "10.244.0.0/24 fd00:10:244::/64");
const near = node("node2", "172.30.0.12 fd00:30::12", "10.244.1.0/24 fd00:10:244:1::/64");
const far = node("node3", "172.31.0.13", "10.244.2.0/24 fd00:10:244:2::/64");
const v6only = node("node4", "fd00:30::14", "10.244.3.0/24");
const nothing: FabricHave = { overlay: undefined, routes: [], detours: [], neighbours: new Map() };

const sound = { alien: [], lacks: [] };

function wayTo(address: Ip) {
  if (address.startsWith("172.31.")) return { ifindex: 2, onLink: false, mtu: 1500 };
  return address.startsWith("10.") ? undefined : { ifindex: 2, onLink: true, mtu: 1500 };
}

function want(mode: FabricMode, ...others: readonly FabricNode[]) {
  return wantFabric({ self, others, mode, wayTo, isOwn: () => true });
}

function lines(mode: FabricMode, others: readonly FabricNode[], have = nothing): readonly string[] {
  return planFabric(want(mode, ...others), have, []).map(formatFabricOperation);
}

describe("planFabric()", () => {
  test("routes straight to a node on the same link", () => {
    expect(lines("auto", [near])).toEqual([
      "set route 10.244.1.0/24 via 172.30.0.12 dev #2 (missing)",
      "set route fd00:10:244:1::/64 via fd00:30::12 dev #2 (missing)",
      "set peer 10.244.1.0/24 at 172.30.0.12 (missing)",
      "set peer fd00:10:244:1::/64 at 172.30.0.12 (missing)",
    ]);
  });

  test("takes the overlay to a node behind a router, and to its own address as well", () => {
    expect(lines("auto", [far])).toEqual([
      "add twill-vxlan with MTU 1450 (missing)",
      "add address 172.30.0.11 to twill-vxlan (missing)",
      "add address fd00:30::11 to twill-vxlan (missing)",
      `set neighbour 10.244.2.0 at ${overlayMac("node3")} (missing)`,
      `set neighbour ${linkLocalOf(overlayMac("node3"))} at ${overlayMac("node3")} (missing)`,
      "set route 10.244.2.0/24 through the overlay to 172.31.0.13 (missing)",
      "set route fd00:10:244:2::/64 through the overlay to 172.31.0.13 (missing)",
      "set peer 10.244.2.0/24 at 172.31.0.13 by tunnel (missing)",
      "set peer fd00:10:244:2::/64 at 172.31.0.13 by tunnel (missing)",
      "set peer 172.31.0.13/32 at 172.31.0.13 by tunnel (missing)",
    ]);
  });

  test("knows a node behind the overlay by all of its addresses", () => {
    const further = [ip("172.31.0.99"), ip("fd00:31::99")];
    expect(lines("auto", [{ ...far, further }]).filter((line) => line.startsWith("set peer"))).toEqual([
      "set peer 10.244.2.0/24 at 172.31.0.13 by tunnel (missing)",
      "set peer fd00:10:244:2::/64 at 172.31.0.13 by tunnel (missing)",
      "set peer 172.31.0.13/32 at 172.31.0.13 by tunnel (missing)",
      "set peer 172.31.0.99/32 at 172.31.0.13 by tunnel (missing)",
      "set peer fd00:31::99/128 at 172.31.0.13 by tunnel (missing)",
    ]);
  });

  test("takes the overlay to all when told", () => {
    expect(lines("vxlan", [near]).filter((line) => line.startsWith("set route"))).toEqual([
      "set route 10.244.1.0/24 through the overlay to 172.30.0.12 (missing)",
      "set route fd00:10:244:1::/64 through the overlay to 172.30.0.12 (missing)",
    ]);
  });

  test("carries IPv4 pods between nodes of IPv6", () => {
    expect(lines("auto", [v6only]).filter((line) => /^(set route|add twill)/.test(line))).toEqual([
      "add twill-vxlan with MTU 1430 (missing)",
      "set route 10.244.3.0/24 through the overlay to fd00:30::14 (missing)",
    ]);
  });

  const faults: readonly (readonly [mode: FabricMode, other: FabricNode, fault: string])[] = [
    ["direct", far, "Cannot reach node node3 directly: 172.31.0.13 is not on a link of node1, use mode auto or vxlan"],
    ["auto", node("node5", "10.9.9.9", "10.244.4.0/24"), "Cannot reach node node5 at 10.9.9.9: no route leads there"],
    [
      "vxlan",
      node("node0", "172.30.0.11", "10.244.5.0/24"),
      "Cannot reach node node0 at 172.30.0.11: that is node1 itself, remove a Node that is gone, or correct the InternalIP in its status",
    ],
  ];
  for (const [mode, other, fault] of faults) {
    test(`says: ${fault}`, () => expect(want(mode, other)).toMatchObject({ faults: [fault], routes: [], peers: [] }));
  }

  test("says that an address of the node is on none of its links", () => {
    const isOwn = (address: Ip) => address.includes(":");
    expect(wantFabric({ self, others: [near], mode: "direct", wayTo, isOwn }).faults).toEqual([
      "No link of node node1 has its address 172.30.0.11: give it back to one, or correct the InternalIP in the Node's status",
    ]);
  });

  test("says that blocks of nodes overlap, and believes the first of them", () => {
    const [twin, greedy] = [
      node("node6", "172.30.0.16", "10.244.1.128/25"),
      node("node7", "172.30.0.17", "10.244.0.0/16"),
    ];
    const { faults: said, routes } = want("direct", greedy, twin, near);
    expect(said).toEqual([
      "Cannot reach pods of node node6 in 10.244.1.128/25: it overlaps 10.244.1.0/24 of node node2; give one of them another spec.podCIDRs",
      "Cannot reach pods of node node7 in 10.244.0.0/16: it overlaps 10.244.0.0/24 of node node1; give one of them another spec.podCIDRs",
    ]);
    expect(routes.map(({ dst }) => String(dst))).toEqual(["10.244.1.0/24", "fd00:10:244:1::/64"]);
  });

  test("puts back what differs, and takes away what no node has", () => {
    const have: FabricHave = {
      overlay: {
        ifindex: 9,
        kind: "vxlan",
        mac: overlayMac("node1"),
        mtu: 1400,
        up: false,
        ...sound,
        addresses: [ip("172.30.0.99")],
      },
      routes: [
        {
          dst: cidr("10.244.2.0/24"),
          ifindex: 9,
          gateway: ip("10.244.2.0"),
          overlay: ip("172.31.0.99"),
          isPlain: true,
        },
        {
          dst: cidr("10.244.9.0/24"),
          ifindex: 9,
          gateway: ip("10.244.9.0"),
          overlay: ip("172.31.0.99"),
          isPlain: true,
        },
      ],
      detours: [],
      neighbours: new Map([[ip("10.244.9.0"), overlayMac("node9")]]),
    };
    const v4 = { ...far, blocks: far.blocks.slice(0, 1) };
    expect(planFabric(want("auto", v4), have, want("auto", v4, near).peers).map(formatFabricOperation)).toEqual([
      "mend twill-vxlan (MTU 1400, down)",
      "add address 172.30.0.11 to twill-vxlan (missing)",
      "add address fd00:30::11 to twill-vxlan (missing)",
      "remove address 172.30.0.99 of twill-vxlan (not the node's)",
      `set neighbour 10.244.2.0 at ${overlayMac("node3")} (missing)`,
      "remove neighbour 10.244.9.0 (no route uses it)",
      "set route 10.244.2.0/24 through the overlay to 172.31.0.13 (differs)",
      "remove route 10.244.9.0/24 (no node has it)",
      "remove peer 10.244.1.0/24 (no node has it)",
      "remove peer fd00:10:244:1::/64 (no node has it)",
    ]);
  });

  test("replaces a device of another kind that has the overlay's name", () => {
    const overlay = {
      ifindex: 9,
      kind: "bridge",
      mac: overlayMac("node1"),
      mtu: 1450,
      up: true,
      addresses: [],
      ...sound,
    };
    expect(lines("auto", [far], { ...nothing, overlay }).slice(0, 2)).toEqual([
      "remove twill-vxlan (a link of kind bridge has its name)",
      "add twill-vxlan with MTU 1450 (missing)",
    ]);
  });

  test("has no overlay that nobody needs", () => {
    const overlay = {
      ifindex: 9,
      kind: "vxlan",
      mac: overlayMac("node1"),
      mtu: 1450,
      up: true,
      addresses: [],
      ...sound,
    };
    expect(lines("auto", [], { ...nothing, overlay })).toEqual(["remove twill-vxlan (no node needs it)"]);
  });
});

describe("MTUs", () => {
  test("leave room for the tunnel", () =>
    expect([tunnelMtu(1500, "ipv4"), tunnelMtu(9000, "ipv6")]).toEqual([1450, 8930]));
  test("of pods fit all ways", () => expect([podMtu(1500, []), podMtu(1500, ["ipv4", "ipv6"])]).toEqual([1500, 1430]));
});
