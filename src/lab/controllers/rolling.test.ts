// How far each set of a rolling update may go, from one state to the next.

import { describe, expect, test } from "bun:test";
import { replicaSetNamed } from "#test/lab/objects.ts";
import { limitsOf, resolveShare, rollOut } from "./rolling.ts";

describe("limitsOf()", () => {
  const rows: readonly (readonly [
    replicas: number,
    maxSurge: number | string,
    maxUnavailable: number | string,
    limits: object,
  ])[] = [
    [4, "25%", "25%", { surge: 1, unavailable: 1 }],
    [3, "25%", "25%", { surge: 1, unavailable: 0 }],
    [10, "25%", "25%", { surge: 3, unavailable: 2 }],
    [1, 0, 0, { surge: 0, unavailable: 1 }],
    [2, 0, "10%", { surge: 0, unavailable: 1 }],
    [2, 1, 5, { surge: 1, unavailable: 2 }],
  ];
  for (const [replicas, maxSurge, maxUnavailable, limits] of rows) {
    test(`${replicas} pods, ${maxSurge} and ${maxUnavailable}`, () => {
      expect(limitsOf(replicas, { maxSurge, maxUnavailable })).toEqual(limits as ReturnType<typeof limitsOf>);
    });
  }

  test("takes nothing for nothing", () => expect(resolveShare(undefined, 10, "up")).toBe(0));
});

describe("rollOut()", () => {
  const limits = { surge: 1, unavailable: 1 };
  // Sizes as `wanted/available`, the new set first; what each is scaled to.
  const rows: readonly (readonly [
    what: string,
    replicas: number,
    sets: readonly string[],
    scales: readonly string[],
  ])[] = [
    ["begins with the surge and what may be lacking", 4, ["0/0", "4/4"], ["new to 1", "old1 to 3"]],
    ["waits for the new pods", 4, ["1/0", "3/3"], ["new to 2"]],
    ["goes on when they are available", 4, ["2/2", "3/3"], ["old1 to 1"]],
    ["ends", 4, ["4/4", "1/1"], ["old1 to 0"]],
    ["has nothing to do at the end", 4, ["4/4"], []],
    ["takes broken pods of old sets first", 4, ["1/0", "4/2"], ["old1 to 3"]],
    ["shrinks several old sets", 4, ["3/3", "1/1", "1/1"], ["old1 to 0", "old2 to 0"]],
    ["shrinks the new set with the deployment", 2, ["4/4"], ["new to 2"]],
    ["grows the new set with the deployment", 6, ["4/4"], ["new to 6"]],
    ["never has fewer available than it may", 4, ["1/0", "3/3"], ["new to 2"]],
  ];
  for (const [what, replicas, sets, expected] of rows) {
    test(what, () => {
      const [current, ...old] = sets.map((text, index) => {
        const [size = 0, available = 0] = text.split("/").map(Number);
        return replicaSetNamed(index === 0 ? "new" : `old${index}`, size, available);
      });
      if (current === undefined) throw new Error("a row needs a set");
      const scales = rollOut(replicas, current, old, limits);
      expect(scales.map(({ set, replicas }) => `${set.metadata.name} to ${replicas}`)).toEqual([...expected]);
    });
  }

  test("always ends, and never breaks its limits on the way", () => {
    for (let replicas = 1; replicas <= 12; replicas++) {
      for (const [maxSurge, maxUnavailable] of [
        [0, 1],
        [1, 0],
        ["25%", "25%"],
        ["100%", "100%"],
      ] as const) {
        const bound = limitsOf(replicas, { maxSurge, maxUnavailable });
        let sizes = [0, replicas];
        for (let step = 0; step < 60 && !(sizes[0] === replicas && sizes[1] === 0); step++) {
          const [current, old] = sizes.map((size, index) => replicaSetNamed(index === 0 ? "new" : "old", size));
          if (current === undefined || old === undefined) throw new Error("two sets");
          for (const { set, replicas: to } of rollOut(replicas, current, [old], bound)) {
            sizes = sizes.map((size, index) => ((index === 0) === (set.metadata.name === "new") ? to : size));
          }
          const total = sizes.reduce((sum, size) => sum + size, 0);
          expect(total).toBeLessThanOrEqual(replicas + bound.surge);
          expect(total).toBeGreaterThanOrEqual(replicas - bound.unavailable);
        }
        expect(sizes).toEqual([replicas, 0]);
      }
    }
  });
});
