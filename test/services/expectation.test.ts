// Expectations of the tables: that wrong answers are found to be wrong.

import { describe, expect, test } from "bun:test";
import type { Answer } from "./asker.ts";
import { problemOf } from "./expectation.ts";
import type { Details } from "./row.ts";

const from = (pod: string, client = "10.244.1.9"): Answer => ({ pod, client });
const failed = (error: string): Answer => ({ error });

type Case = readonly [answer: string, found: readonly Answer[], problem: string | undefined, details?: Details];

const cases: readonly Case[] = [
  ["a1 a2", [from("a1"), from("a2"), from("a1")], undefined],
  ["a1 a2", [from("a1")], "a1 a2 expected, not a1 that sees 10.244.1.9"],
  ["a1", [from("a1"), from("a2")], "a1 expected, not a1 that sees 10.244.1.9, a2 that sees 10.244.1.9"],
  ["a1", [from("a1"), failed("refused")], "a1 expected, not a1 that sees 10.244.1.9, refused"],
  ["a1", [], "a1 expected, not nothing"],
  ["refused", [failed("refused")], undefined],
  ["refused", [failed("silent")], "refused expected, not silent"],
  ["silent", [from("a1")], "silent expected, not a1 that sees 10.244.1.9"],
  ["one of a1 a2", [from("a2"), from("a2")], undefined],
  [
    "one of a1 a2",
    [from("a1"), from("a2")],
    "one of a1 a2 expected, not a1 that sees 10.244.1.9, a2 that sees 10.244.1.9",
  ],
  ["one of a1 a2", [from("a3")], "one of a1 a2 expected, not a3 that sees 10.244.1.9"],
  ["a1", [from("a1", "172.30.0.11")], "client 10.244.1.9 expected, not a1 that sees 172.30.0.11", { client: "own" }],
  ["a1", [from("a1")], undefined, { client: "own" }],
  ["2.2.2.2 1.1.1.1", [{ addresses: ["1.1.1.1", "2.2.2.2"], name: "x" }], undefined, { name: "x" }],
  ["1.1.1.1", [{ addresses: ["1.1.1.1"], name: "x" }], "1.1.1.1 expected, not 1.1.1.1 x", { name: "y" }],
  ["1.1.1.1", [{ addresses: ["2.2.2.2"], name: "x" }], "1.1.1.1 expected, not 2.2.2.2 x"],
  ["", [{ status: 503 }], undefined, { status: 503, says: {} }],
  ["", [{ status: 200 }], "503 {}:  expected, not 200", { status: 503, says: {} }],
  ["", [], undefined],
];

describe("problemOf()", () => {
  for (const [answer, found, problem, details = {}] of cases) {
    test(`"${answer}" of ${JSON.stringify(found)}: ${problem ?? "well"}`, () => {
      const clients = details.client === undefined ? undefined : ["10.244.1.9"];
      expect(problemOf({ to: "", answer, details, clients }, found)).toBe(problem);
    });
  }
});
