// Which node has a balancer's address: fair shares, few that move, only nodes that can.

import { describe, expect, test } from "bun:test";
import type { SliceModel } from "#model/service/slice.ts";
import { type Ip, ip } from "#net/ip.ts";
import { announcerOf, announcersOf } from "./want.ts";

const nodes = ["a", "b", "c", "d"].map((name) => ({ name, labels: {}, ready: true, leaving: false }));
const all = Array.from({ length: 200 }, (_, i) => ip(`192.0.2.${i}`));
const open = { balancerAddresses: [], externalLocal: false };

function slice(...homes: readonly (readonly [node: string, state: "ready" | "draining"])[]): SliceModel {
  const endpoints = homes.map(([node, state]) => ({ address: ip("10.244.1.1"), state, node, zones: [], nodes: [] }));
  return { service: "shop/web", family: "ipv4", ports: [], endpoints };
}

function owners(among: typeof nodes): ReadonlyMap<Ip, string | undefined> {
  return new Map(all.map((address) => [address, announcerOf(address, [{ service: open, slices: [] }], among)]));
}

describe("announcerOf()", () => {
  test("spreads addresses, whatever the order of the nodes", () => {
    const shares = Map.groupBy(owners(nodes).values(), (name) => name);
    expect([...shares.keys()].toSorted()).toEqual(["a", "b", "c", "d"]);
    for (const share of shares.values()) expect(share.length).toBeGreaterThan(25);
    expect(owners(nodes.toReversed())).toEqual(owners(nodes));
  });

  test("moves only the addresses of a node that fails", () => {
    const before = owners(nodes);
    const after = owners(nodes.map((node) => ({ ...node, ready: node.name !== "b" })));
    for (const [address, owner] of before) if (owner !== "b") expect(after.get(address)).toBe(owner);
    expect([...after.values()]).not.toContain("b");
  });

  const local = { balancerAddresses: [], externalLocal: true };
  const rows: readonly (readonly [what: string, slices: readonly SliceModel[], owner: string | undefined])[] = [
    ["a node with an endpoint", [slice(["c", "ready"])], "c"],
    ["no node with one that ends, while others are ready", [slice(["c", "ready"], ["a", "draining"])], "c"],
    ["a node with one that ends, when there is no other", [slice(["a", "draining"])], "a"],
    ["nobody without endpoints", [], undefined],
    ["nobody, when the endpoint's node is not there", [slice(["z", "ready"])], undefined],
  ];
  for (const [what, slices, owner] of rows) {
    test(`takes ${what}, where the policy is Local`, () =>
      expect(announcerOf(ip("192.0.2.1"), [{ service: local, slices }], nodes)).toBe(owner));
  }

  test("takes one node for services that share an address, which has endpoints of all that want them so", () => {
    const address = ip("192.0.2.1");
    const [b, c] = [slice(["b", "ready"]), slice(["b", "ready"], ["c", "ready"])];
    const use = (externalLocal: boolean, slices: readonly SliceModel[]) => ({
      service: { balancerAddresses: [address], externalLocal },
      slices,
    });
    const all = [use(true, [c]), use(true, [b]), use(false, [])];
    expect(announcerOf(address, all, nodes)).toBe("b");
    expect(announcerOf(address, [use(true, [b]), use(true, [slice(["c", "ready"])])], nodes)).toBeUndefined();
    expect(announcersOf([...all, use(false, [])], nodes, () => true)).toEqual(new Map([[address, "b"]]));
    expect(announcersOf(all, nodes, () => false)).toEqual(new Map());
  });

  test("takes no node that is about to be removed", () => {
    const but = nodes.map((node) => ({ ...node, leaving: node.name !== "d" }));
    expect(new Set(owners(but).values())).toEqual(new Set(["d"]));
  });

  test("takes no node that is excluded", () => {
    const label = { "node.kubernetes.io/exclude-from-external-load-balancers": "" };
    const but = nodes.map((node) => (node.name === "d" ? node : { ...node, labels: label }));
    expect(new Set(owners(but as typeof nodes).values())).toEqual(new Set(["d"]));
  });
});
