// Which blocks of addresses nodes get.

import { describe, expect, test } from "bun:test";
import { cidr } from "#net/cidr.ts";
import { nodeNamed } from "#test/lab/objects.ts";
import { planBlocks } from "./node-blocks.ts";

const v4 = { range: cidr("10.244.0.0/22"), blockLength: 24 };
const v6 = { range: cidr("fd00:10:244::/56"), blockLength: 64 };

function blocks(
  pools: readonly (typeof v4)[],
  nodes: readonly (readonly [name: string, blocks?: string])[],
): readonly string[] {
  const all = nodes.map(([name, text]) => {
    const podCIDRs = text?.split(" ");
    return nodeNamed(name, podCIDRs === undefined ? {} : { spec: { podCIDR: podCIDRs[0] ?? "", podCIDRs } });
  });
  return planBlocks(pools, all).assignments.map(({ node, podCIDRs }) => `${node.metadata.name} ${podCIDRs.join(", ")}`);
}

describe("planBlocks()", () => {
  test("gives the lowest that is free", () => {
    expect(blocks([v4], [["a", "10.244.1.0/24"], ["b"], ["c"]])).toEqual(["b 10.244.0.0/24", "c 10.244.2.0/24"]);
  });

  test("gives a block of each family", () => {
    expect(blocks([v4, v6], [["a"], ["b"]])).toEqual([
      "a 10.244.0.0/24, fd00:10:244::/64",
      "b 10.244.1.0/24, fd00:10:244:1::/64",
    ]);
  });

  test("gives no part of a larger block that somebody has", () => {
    expect(blocks([v4], [["a", "10.244.0.0/23"], ["b"]])).toEqual(["b 10.244.2.0/24"]);
  });

  test("leaves a node without when there are no more, and shares none", () => {
    const nodes = ["a", "b", "c", "d", "e"].map((name) => [name] as const);
    expect(blocks([v4], nodes).length).toBe(4);
    expect(blocks([v6, v4], nodes).length).toBe(4);
    const { exhausted } = planBlocks(
      [v4],
      nodes.map(([name]) => nodeNamed(name)),
    );
    expect(exhausted).toEqual([{ node: "e", range: v4.range }]);
  });

  test("changes nothing when all have theirs", () => expect(blocks([v4], [["a", "10.244.0.0/24"]])).toEqual([]));
});
