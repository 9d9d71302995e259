// The truth tables of cases/ with real packets: nine pods on three nodes, called by their own addresses and through services.
// Every other case is asked over IPv6; TWILL_LONG=1 asks all of them over both families.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { TestLabs } from "#test/lab.ts";
import { CaseLab } from "./case-lab.ts";
import { cells, expected } from "./cases/case.ts";
import { cases } from "./cases/cases.ts";

const isLong = process.env["TWILL_LONG"] === "1";
const limitMs = 180_000;

let labs: TestLabs;
let lab: CaseLab;

beforeAll(async () => {
  labs = await TestLabs.open();
  lab = await CaseLab.start(labs);
}, limitMs);

afterAll(async () => {
  await labs[Symbol.asyncDispose]();
});

describe("packets fill the tables", () => {
  for (const [index, { name, steps }] of cases.entries()) {
    for (const v6 of isLong ? [false, true] : [index % 2 === 1]) {
      test(
        `${name}, IPv${v6 ? 6 : 4}`,
        async () => {
          await lab.reset();
          for (const [at, step] of steps.entries()) {
            await lab.play(step, v6);
            const asked = cells.flatMap((cell) => lab.expectations(cell, expected(step.expect, cell), v6));
            expect([`step ${at + 1}`, ...(await lab.lab.differences(asked))]).toEqual([`step ${at + 1}`]);
          }
        },
        limitMs,
      );
    }
  }
});
