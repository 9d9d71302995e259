// Deletes that were queued while no agent ran, beside calls that come while one does.

import { expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startNode } from "#test/agent.ts";

/** Two agents start in turn. */
const testMs = 120_000;

test(
  "a queued delete is done before an ADD of the same container that comes after it, and not after it",
  async () => {
    await using it = await startNode(["10.244.1.0/24"]);
    const { netns } = await it.node.addPod("a");
    const { deletes } = it.node.config.cni;
    await it.node.stopAgent();
    await it.node.cni("DEL", "a", netns.path);
    const path = join(deletes, readdirSync(deletes)[0] ?? "");
    const queued = readFileSync(path);
    await it.node.startAgent();
    // A shim that found nobody to ask a moment ago.
    writeFileSync(path, queued);
    const prevResult = await it.node.add("a", netns.path);
    expect(readdirSync(deletes)).toEqual([]);
    expect(await it.node.cni("CHECK", "a", netns.path, { conf: { prevResult } })).toMatchObject({ stdout: "" });
  },
  testMs,
);
