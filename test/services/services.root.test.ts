// The tables of rows/ with real packets: agents serve the services of a lab of three nodes, its pods, nodes and the client outside ask.
// TWILL_LONG=1 asks all of it through an overlay as well, and what takes long.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { TestLabs } from "#test/lab.ts";
import { deeds } from "./deeds.ts";
import type { Row } from "./row.ts";
import { badInputRows } from "./rows/bad-input.ts";
import { clusterRows } from "./rows/cluster.ts";
import { endpointRows } from "./rows/endpoints.ts";
import { outerRows } from "./rows/outer.ts";
import { typeRows } from "./rows/types.ts";
import { ServiceLab } from "./service-lab.ts";

const isLong = process.env["TWILL_LONG"] === "1";
const limitMs = 180_000;
const fabrics = isLong ? (["direct", "vxlan"] as const) : (["direct"] as const);

const tables: Readonly<Record<string, readonly Row[]>> = {
  "services' own addresses": clusterRows,
  "services from outside": outerRows,
  "services that become others": typeRows,
  endpoints: endpointRows,
  "what cannot be served": badInputRows,
};

for (const fabric of fabrics) {
  describe(`with fabric ${fabric}`, () => {
    let labs: TestLabs;
    let lab: ServiceLab;

    beforeAll(async () => {
      labs = await TestLabs.open();
      lab = await ServiceLab.start(labs, fabric);
    }, limitMs);

    afterAll(async () => {
      lab[Symbol.dispose]();
      await labs[Symbol.asyncDispose]();
    });

    for (const [name, rows] of Object.entries(tables)) {
      describe(name, () => {
        for (const { title, steps, direct = false } of rows) {
          if (direct && fabric !== "direct") continue;
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
      for (const { title, run, direct = false, long = false, leaves = false } of deeds) {
        if ((long && !isLong) || (direct && fabric !== "direct")) continue;
        test(
          title,
          async () => {
            try {
              await run(lab);
            } finally {
              if (!leaves) await lab.reset();
            }
          },
          limitMs,
        );
      }
    });
  });
}
