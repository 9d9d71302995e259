// Tests that processes beside each other neither lose nor leave elements of nftables.

import { expect, test } from "bun:test";
import { Sandbox } from "#test/sandbox.ts";

test("four processes that claim and release in the same subnets leave nothing and lose nothing", async () => {
  using box = new Sandbox();
  const node = box.netns("node");
  const loop = new URL("../../test/masquerade-loop.ts", import.meta.url).pathname;
  const started = ["1", "2", "3", "4"].map((name) => box.start(node, [process.execPath, loop, name, "30"]));
  for (const each of started) {
    const exitCode = await each.exited;
    expect([exitCode, each.output()]).toEqual([0, ""]);
  }
  expect(box.sh(node, ["nft", "list", "ruleset"])).not.toMatch(/elements|from_/);
}, 120_000);
