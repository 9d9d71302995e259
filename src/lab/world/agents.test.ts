// Asking the agents of a lab's nodes, one after the other.

import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { askNodeAgent } from "./agents.ts";
import { nodePlaces } from "./places.ts";

test("Each node's own agent answers, and nobody for one that has ended", async () => {
  const folder = mkdtempSync(join(tmpdir(), "twill-agents-"));
  const places = { folder, cgroup: join(folder, "cgroup") };
  const agents = new Map(["node1", "node2", "node3"].map((node) => [node, serve(node)]));
  const asked = () => Array.fromAsync(agents.keys(), async (node) => (await askNodeAgent(places, node))?.node);
  try {
    expect(await asked()).toEqual(["node1", "node2", "node3"]);
    expect(await asked()).toEqual(["node1", "node2", "node3"]);
    await agents.get("node2")?.stop(true);
    expect(await asked()).toEqual(["node1", undefined, "node3"]);
    agents.set("node2", serve("node2"));
    expect(await asked()).toEqual(["node1", "node2", "node3"]);
  } finally {
    for (const agent of agents.values()) await agent.stop(true);
    rmSync(folder, { recursive: true });
  }

  function serve(node: string) {
    const run = join(nodePlaces(places, node).folder, "run", "twill");
    mkdirSync(run, { recursive: true });
    const socket = join(run, "agent.sock");
    rmSync(socket, { force: true });
    return Bun.serve({ unix: socket, fetch: () => Response.json({ node, ready: true }) });
  }
});
