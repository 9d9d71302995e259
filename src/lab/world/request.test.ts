// What `up` may ask of a lab that is there, and where its API server listens.

import { describe, expect, test } from "bun:test";
import { choosePort, newSpec, nextSpec, type UpRequest } from "./request.ts";

const nothing: UpRequest = {
  ...{
    name: "x",
    nodes: undefined,
    family: undefined,
    underlay: undefined,
    services: undefined,
    cni: undefined,
    plugins: false,
    fabric: undefined,
    port: undefined,
  },
};

describe("a new lab", () => {
  const rows: readonly (readonly [Partial<UpRequest>, object | undefined])[] = [
    [{}, { fabric: "auto" }],
    [{ fabric: "vxlan", underlay: "l3" }, { fabric: "vxlan" }],
    [{ plugins: true }, undefined],
    [{ cni: "{}" }, undefined],
  ];
  for (const [asked, agents] of rows) {
    test(`has agents as ${JSON.stringify(asked)} asks`, () =>
      expect<object | undefined>(newSpec({ ...nothing, ...asked }, 1).agents).toEqual(agents));
  }

  test("leaves services to its agents, and without any to its own proxy", () => {
    expect(newSpec(nothing, 1).services).toBe("agent");
    expect(newSpec({ ...nothing, plugins: true }, 1).services).toBe("proxy");
  });

  test("keeps its agents with the fabric that they have", () => {
    const before = newSpec({ ...nothing, fabric: "vxlan" }, 1);
    expect(nextSpec(before, nothing)).toEqual(before);
    expect(() => nextSpec(before, { ...nothing, fabric: "direct" })).toThrow("agents with fabric vxlan, not direct");
    expect(() => nextSpec(before, { ...nothing, plugins: true })).toThrow("it has agents; take it down first");
  });

  const refused: readonly (readonly [Partial<UpRequest>, string])[] = [
    [{ plugins: true, fabric: "auto" }, "the fabric is the agents', leave out --plugins"],
    [{ cni: "{}", services: "agent" }, "services of agents need agents"],
    [{ fabric: "direct", underlay: "l3" }, "with underlay l3 use fabric auto or vxlan"],
    [{ nodes: 0 }, "Cannot make a lab of 0 nodes: it has 1 to 200"],
    [{ nodes: 201 }, "Cannot make a lab of 201 nodes: it has 1 to 200"],
  ];
  for (const [asked, sentence] of refused) {
    test(`refuses ${JSON.stringify(asked)}`, () =>
      expect(() => newSpec({ ...nothing, ...asked }, 1)).toThrow(sentence));
  }
});

describe("a lab that is there", () => {
  const before = newSpec({ ...nothing, plugins: true, nodes: 2 }, 20_000);

  test("stays as it is when nothing is asked", () => expect(nextSpec(before, nothing)).toEqual(before));

  test("gets more nodes", () => {
    expect(nextSpec(before, { ...nothing, nodes: 4 }).nodes.map(({ name }) => name)).toEqual([
      "node1",
      "node2",
      "node3",
      "node4",
    ]);
  });

  const rows: readonly (readonly [Partial<UpRequest>, string])[] = [
    [{ nodes: 1 }, "it has 2 nodes; remove some with twill lab node remove"],
    [{ family: "dual" }, "it has family ipv4, not dual; take it down first"],
    [{ underlay: "l3" }, "it has underlay l2, not l3"],
    [{ services: "none" }, "it has services proxy, not none"],
    [{ port: 1 }, "it has port 20000, not 1"],
    [{ cni: "{}" }, "it has another network configuration"],
    [{ fabric: "vxlan" }, "it has no agents; take it down first"],
  ];
  for (const [asked, sentence] of rows) {
    test(`refuses ${JSON.stringify(asked)}`, () => {
      expect(() => nextSpec(before, { ...nothing, ...asked })).toThrow(sentence);
    });
  }
});

describe("choosePort()", () => {
  test("is the same for the same name, and the next one when it is taken", () => {
    const first = choosePort("twill", () => true);
    expect(choosePort("twill", () => true)).toBe(first);
    expect(choosePort("twill", (port) => port !== first)).toBe(first + 1);
    expect(choosePort("other", () => true)).not.toBe(first);
  });

  test("gives up when none is free", () => expect(() => choosePort("twill", () => false)).toThrow("--port"));
});
