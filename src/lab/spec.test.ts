// lab.json, read and written, and the names that are allowed in it.

import { describe, expect, test } from "bun:test";
import { checkLabName, checkNodeName, formatSpec, freeNumber, type LabSpec, parseSpec, withMoreNodes } from "./spec.ts";

const spec: LabSpec = {
  ...{ name: "x", family: "dual", underlay: "l3", services: "none", port: 20_000, cni: undefined, agents: undefined },
  nodes: withMoreNodes([], 2),
  wires: [{ between: ["node1", "node2"], cut: false, delayMs: 20, lossPercent: 1.5 }],
};

describe("lab.json", () => {
  test("is read as it was written", () => {
    expect(parseSpec(formatSpec(spec), "lab.json")).toEqual(spec);
    const withConflist = { ...spec, cni: '{"name":"net"}' };
    expect(parseSpec(formatSpec(withConflist), "lab.json")).toEqual(withConflist);
    const withAgents = { ...spec, agents: { fabric: "vxlan" } } as const;
    expect(parseSpec(formatSpec(withAgents), "lab.json")).toEqual(withAgents);
    const upgraded = { ...withAgents, nodes: spec.nodes.map((node) => ({ ...node, agent: "/opt/twill/next" })) };
    expect(parseSpec(formatSpec(upgraded), "lab.json")).toEqual(upgraded);
  });

  const rows: readonly (readonly [what: string, text: string, problem: string])[] = [
    ["no JSON", "{", "JSON"],
    ["another version", '{"version":2}', "its version is 2, not 1"],
    ["an unknown family", formatSpec(spec).replace('"dual"', '"ipv5"'), '"family" is none of ipv4, ipv6, dual'],
    [
      "nodes that are no list",
      '{"version":1,"name":"x","family":"ipv4","underlay":"l2","port":1}',
      '"nodes" is no list',
    ],
    ["a bad name", formatSpec(spec).replace('"x"', '"../x"'), 'Cannot use "../x" as the name of a lab'],
  ];
  for (const [what, text, problem] of rows) {
    test(`is refused with ${what}, and the way out is told`, () => {
      expect(() => parseSpec(text, "lab.json")).toThrow(problem);
      expect(() => parseSpec(text, "lab.json")).toThrow('remove the lab with "twill lab down"');
    });
  }
});

describe("names", () => {
  for (const name of ["a", "twill", "a-1", "9"])
    test(`${name} is allowed`, () => expect(checkLabName(name)).toBe(name));
  for (const name of ["", "A", "a_b", "-a", "a-", "a/b", "..", "a".repeat(64)]) {
    test(`"${name}" is refused`, () => expect(() => checkLabName(name)).toThrow("lower-case letters"));
  }
  test("a node is not called as a part of the lab", () => {
    expect(() => checkNodeName("switch")).toThrow("the lab has a part of that name");
  });
  test("a number that became free is used again", () => {
    const [first, second, third] = withMoreNodes([], 3);
    if (first === undefined || second === undefined || third === undefined) throw new RangeError("three nodes");
    expect(freeNumber([first, third])).toBe(2);
    expect(withMoreNodes([first, third], 1).map(({ name }) => name)).toEqual(["node1", "node3", "node2"]);
  });
});
