// The plan of a lab's network as text.
import { describe, expect, test } from "bun:test";
import type { LabSpec } from "#lab/spec.ts";
import { withMoreNodes } from "#lab/spec.ts";
import { planFabric, showOperation } from "./plan.ts";
import { wantFabric } from "./want.ts";

function lab(fields: Partial<LabSpec>, nodes = 1): LabSpec {
  return {
    ...{
      name: "x",
      family: "ipv4",
      underlay: "l2",
      services: "proxy",
      port: 1,
      cni: undefined,
      agents: undefined,
      wires: [],
    },
    nodes: withMoreNodes([], nodes),
    ...fields,
  };
}

function planned(spec: LabSpec): readonly string[] {
  return planFabric(wantFabric(spec), new Map()).map(showOperation);
}

describe("planFabric()", () => {
  test("makes everything of a lab with one node on a shared link", () => {
    expect(planned(lab({})).join("\n")).toBe(`switch: set net/ipv4/ip_forward to 1
switch: set net/ipv4/conf/all/send_redirects to 0
switch: set net/ipv4/conf/default/send_redirects to 0
nodes/node1: set net/ipv4/ip_forward to 1
switch: add bridge br0
switch: add link control to eth0 of control
switch: add link internet to eth0 of internet
switch: add link client to eth0 of client
switch: add link node1 to eth0 of nodes/node1
switch: set link #1 up
switch: set link #2 up
switch: set link #3 up
switch: set link #4 up
switch: set link #5 up
switch: set link #101 up
switch: add address 172.30.0.1/24 to #2
switch: add address 203.0.113.1/24 to #4
switch: add address 198.51.100.1/24 to #5
switch: set neighbour 172.30.0.2 on #2
switch: set neighbour 172.30.0.11 on #2
switch: set neighbour 203.0.113.10 on #4
switch: set neighbour 198.51.100.10 on #5
nodes/node1: set link #1 up
nodes/node1: set link #2 up
nodes/node1: add address 172.30.0.11/24 to #2
nodes/node1: add route 0.0.0.0/0 via 172.30.0.1
nodes/node1: set neighbour 172.30.0.1 on #2
nodes/node1: set neighbour 172.30.0.2 on #2
control: set link #1 up
control: set link #2 up
control: add address 172.30.0.2/24 to #2
control: add route 0.0.0.0/0 via 172.30.0.1
control: set neighbour 172.30.0.1 on #2
control: set neighbour 172.30.0.11 on #2
internet: set link #1 up
internet: set link #2 up
internet: add address 203.0.113.10/24 to #2
internet: add route 0.0.0.0/0 via 203.0.113.1
internet: set neighbour 203.0.113.1 on #2
client: set link #1 up
client: set link #2 up
client: add address 198.51.100.10/24 to #2
client: add route 0.0.0.0/0 via 198.51.100.1
client: set neighbour 198.51.100.1 on #2`);
  });

  test("puts a router before each node of a routed underlay, with both families", () => {
    const lines = planned(lab({ underlay: "l3", family: "dual" }, 2)).filter((line) => /router-|node2|via/.test(line));
    expect(
      lines.filter((line) => !/^(control|internet|client|nodes\/node1|router-node1)/.test(line)).join("\n"),
    ).toBe(`router-node2: set net/ipv4/ip_forward to 1
router-node2: set net/ipv6/conf/all/forwarding to 1
router-node2: set net/ipv6/conf/default/accept_dad to 0
nodes/node2: set net/ipv4/ip_forward to 1
nodes/node2: set net/ipv6/conf/all/forwarding to 1
nodes/node2: set net/ipv6/conf/default/accept_dad to 0
switch: add link node1 to eth0 of router-node1
switch: add link node2 to eth0 of router-node2
switch: add route 172.30.11.0/24 via 172.30.0.11
switch: add route fd00:30:1::/64 via fd00:30::11
switch: add route 172.30.12.0/24 via 172.30.0.12
switch: add route fd00:30:2::/64 via fd00:30::12
router-node2: add link node to eth0 of nodes/node2
router-node2: set link #1 up
router-node2: set link #2 up
router-node2: set link #3 up
router-node2: add address 172.30.0.12/24 to #2
router-node2: add address 172.30.12.1/24 to #3
router-node2: add address fd00:30::12/64 to #2
router-node2: add address fd00:30:2::1/64 to #3
router-node2: add route 0.0.0.0/0 via 172.30.0.1
router-node2: add route ::/0 via fd00:30::1
router-node2: set neighbour 172.30.0.1 on #2
router-node2: set neighbour fd00:30::1 on #2
router-node2: set neighbour 172.30.0.2 on #2
router-node2: set neighbour fd00:30::2 on #2
nodes/node2: set link #1 up
nodes/node2: set link #2 up
nodes/node2: add address 172.30.12.10/24 to #2
nodes/node2: add address fd00:30:2::10/64 to #2
nodes/node2: add route 0.0.0.0/0 via 172.30.12.1
nodes/node2: add route ::/0 via fd00:30:2::1`);
  });

  test("leaves out a node that does not run", () => {
    const nodes = withMoreNodes([], 2).map((node) => ({ ...node, running: node.name !== "node1" }));
    expect(planned(lab({ nodes })).join("\n")).not.toContain("node1");
  });
});
