// Blocks of nodes that a watch shows late: they are given once.

import { describe, expect, test } from "bun:test";
import type { Node } from "#kube/kinds.ts";
import { cidr } from "#net/cidr.ts";
import { nodeNamed } from "#test/lab/objects.ts";
import { GivenBlocks } from "./given-blocks.ts";
import { planBlocks } from "./node-blocks.ts";

const pools = [{ range: cidr("10.244.0.0/22"), blockLength: 24 }];

function named(name: string, uid: string, fields: Parameters<typeof nodeNamed>[1] = {}): Node {
  const node = nodeNamed(name, fields);
  return { ...node, metadata: { ...node.metadata, uid } };
}

const [a, b] = [named("a", "1"), named("b", "2")];

function planned(given: GivenBlocks, ...seen: readonly Node[]): readonly string[] {
  return planBlocks(pools, given.added(seen)).assignments.map(
    ({ node, podCIDRs }) => `${node.metadata.name} ${podCIDRs.join()}`,
  );
}

describe("GivenBlocks", () => {
  test("nobody else gets what was given and is not seen yet, whoever is first in order", () => {
    const given = new GivenBlocks();
    expect(planned(given, b)).toEqual(["b 10.244.0.0/24"]);
    given.note(b, [cidr("10.244.0.0/24")]);
    expect(planned(given, a, b)).toEqual(["a 10.244.1.0/24"]);
  });

  test("what a node did not get after all is free again", () => {
    const given = new GivenBlocks();
    given.note(b, [cidr("10.244.0.0/24")]);
    given.forget(b);
    expect(planned(given, a, b)).toEqual(["a 10.244.0.0/24", "b 10.244.1.0/24"]);
  });

  test("what is seen counts, and a node that comes back under its name is another", () => {
    const given = new GivenBlocks();
    given.note(b, [cidr("10.244.0.0/24")]);
    expect(planned(given, a, named("b", "3"))).toEqual(["a 10.244.0.0/24", "b 10.244.1.0/24"]);
    given.note(a, [cidr("10.244.0.0/24")]);
    const other = named("a", "1", { spec: { podCIDR: "10.244.3.0/24", podCIDRs: ["10.244.3.0/24"] } });
    expect(planned(given, other, b)).toEqual(["b 10.244.0.0/24"]);
  });
});
