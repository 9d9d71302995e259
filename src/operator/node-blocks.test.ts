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

  test("goes on when a node has what is no block", () => {
    expect(blocks([v4], [["a", "ten 10.244.0.5/24"], ["b"]])).toEqual(["b 10.244.1.0/24"]);
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
    expect(exhausted.map(({ node, range }) => `${node.metadata.name} ${range}`)).toEqual([`e ${v4.range}`]);
  });

  test("goes around what is taken, whatever its size and order", () => {
    const held = "10.244.2.128/26 10.244.1.0/24 10.0.0.0/16";
    expect(blocks([v4], [["a", held], ["b"], ["c"], ["d"]])).toEqual(["b 10.244.0.0/24", "c 10.244.3.0/24"]);
    expect(blocks([v4], [["a", "10.244.0.0/16"], ["b"]])).toEqual([]);
  });

  test("gives a cluster of thousands theirs at once", () => {
    const wide = { range: cidr("10.0.0.0/11"), blockLength: 24 };
    const names = Array.from({ length: 8000 }, (_, index) => [`n${String(index).padStart(4, "0")}`] as const);
    const given = blocks([wide], names);
    expect([given.length, given[1], given.at(-1)]).toEqual([8000, "n0001 10.0.1.0/24", "n7999 10.31.63.0/24"]);
  });

  test("changes nothing when all have theirs", () => expect(blocks([v4], [["a", "10.244.0.0/24"]])).toEqual([]));
});
