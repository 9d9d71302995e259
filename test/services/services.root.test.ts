// The tables of rows/ with real packets: agents serve the services of a lab of three nodes, its pods, nodes and the client outside ask.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { TestLabs } from "#test/lab.ts";
import { deeds } from "./deeds.ts";
import type { Row } from "./row.ts";
import { badInputRows } from "./rows/bad-input.ts";
import { clusterRows } from "./rows/cluster.ts";
import { endpointRows } from "./rows/endpoints.ts";
import { outerRows } from "./rows/outer.ts";
import { ServiceLab } from "./service-lab.ts";

const isLong = process.env["TWILL_LONG"] === "1";
const limitMs = 120_000;

let labs: TestLabs;
let lab: ServiceLab;

beforeAll(async () => {
  labs = await TestLabs.open();
  lab = await ServiceLab.start(labs);
}, limitMs);

afterAll(async () => {
  lab[Symbol.dispose]();
  await labs[Symbol.asyncDispose]();
});

const tables: Readonly<Record<string, readonly Row[]>> = {
  "services' own addresses": clusterRows,
  "services from outside": outerRows,
  endpoints: endpointRows,
  "what cannot be served": badInputRows,
};

for (const [name, rows] of Object.entries(tables)) {
  describe(name, () => {
    for (const { title, steps, long = false } of rows) {
      if (long && !isLong) continue;
      test(
        title,
        async () => {
          try {
            for (const [index, step] of steps.entries()) {
              expect([`step ${index + 1}`, ...(await lab.play(step))]).toEqual([`step ${index + 1}`]);
            }
          } finally {
            await lab.reset();
          }
        },
        limitMs,
      );
    }
  });
}

describe("beyond the tables", () => {
  for (const { title, run, long = false } of deeds) {
    if (long && !isLong) continue;
    test(
      title,
      async () => {
        try {
          await run(lab);
        } finally {
          await lab.reset();
        }
      },
      limitMs,
    );
  }
});
