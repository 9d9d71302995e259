// Routes to the nodes' blocks, as plans.

import { describe, expect, test } from "bun:test";
import { type LabSpec, type Underlay, withMoreNodes } from "#lab/spec.ts";
import { cidr } from "#net/cidr.ts";
import { ip } from "#net/ip.ts";
import { planNodeRoutes, showRouteOperation, wantNodeRoutes } from "./node-routes.ts";

function lab(underlay: Underlay): LabSpec {
  return {
    name: "x",
    family: "dual",
    underlay,
    services: "proxy",
    port: 1,
    cni: undefined,
    agents: undefined,
    wires: [],
    nodes: withMoreNodes([], 2),
  };
}

const nodes = [
  { metadata: { name: "node1" }, spec: { podCIDRs: ["10.244.0.0/24", "fd00:10:244::/64"] } },
  { metadata: { name: "node2" }, spec: {} },
  { metadata: { name: "stranger" }, spec: { podCIDRs: ["10.244.9.0/24"] } },
];

function planned(underlay: Underlay): readonly string[] {
  return [...wantNodeRoutes(lab(underlay), nodes)].flatMap(([at, want]) =>
    planNodeRoutes(at, want, []).map(showRouteOperation),
  );
}

describe("routes to nodes' blocks", () => {
  test("lead straight to the nodes on a shared link", () => {
    expect(planned("l2")).toEqual([
      "switch: replace route 10.244.0.0/24 via 172.30.0.11",
      "switch: replace route fd00:10:244::/64 via fd00:30::11",
    ]);
  });

  test("lead to the router, and from there to the node", () => {
    expect(planned("l3")).toEqual([
      "switch: replace route 10.244.0.0/24 via 172.30.0.11",
      "switch: replace route fd00:10:244::/64 via fd00:30::11",
      "router-node1: replace route 10.244.0.0/24 via 172.30.11.10",
      "router-node1: replace route fd00:10:244::/64 via fd00:30:1::10",
    ]);
  });

  test("go when the block has gone, and those of others stay", () => {
    const have = [
      { dst: cidr("10.244.0.0/24"), gateway: ip("172.30.0.11"), protocol: "static" },
      { dst: cidr("10.244.1.0/24"), gateway: ip("172.30.0.12"), protocol: "static" },
      { dst: cidr("10.244.2.0/24"), gateway: ip("172.30.0.13"), protocol: "static" },
      { dst: cidr("192.0.2.0/24"), gateway: ip("172.30.0.13"), protocol: "boot" },
    ] as const;
    const want = [
      { dst: cidr("10.244.0.0/24"), gateway: ip("172.30.0.11") },
      { dst: cidr("10.244.1.0/24"), gateway: ip("172.30.0.13") },
    ];
    expect(planNodeRoutes("switch", want, have).map(showRouteOperation)).toEqual([
      "switch: replace route 10.244.1.0/24 via 172.30.0.13",
      "switch: remove route 10.244.2.0/24 via 172.30.0.13",
    ]);
  });
});
