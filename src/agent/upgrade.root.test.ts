// An agent of a release with another layout of maps takes over: what runs goes on.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createMap, lookUpElement, MapType, nextKey, openPinned, pin, updateElement } from "#kernel/bpf-map.ts";
import { addressAt, startNode } from "#test/agent.ts";
import { until } from "#test/until.ts";

// Loading the programs takes a machine that is busy a second or more.
setDefaultTimeout(120_000);

const both = ["10.244.1.0/24", "fd00:10:244:1::/64"];
const noPreallocation = 1;
/** Before policies, an endpoint was shorter. */
const older = { keySize: 16, valueSize: 20 };

function bytes(size: number): Uint8Array {
  return new Uint8Array(new ArrayBuffer(size));
}

/** Puts the endpoints where and how an earlier release had them. */
function downgrade(folder: string): void {
  const present = join(folder, "endpoints-16-28");
  using from = openPinned(present);
  using to = createMap("endpoints", { ...older, type: MapType.hash, maxEntries: 8192, flags: noPreallocation });
  const [key, value] = [bytes(16), bytes(28)];
  for (let last: Uint8Array | undefined; nextKey(from.number, last, key); last = key.slice()) {
    if (lookUpElement(from.number, key, value)) {
      const shorter = bytes(20);
      shorter.set(value.subarray(0, 20));
      updateElement(to.number, key, shorter);
    }
  }
  pin(to.number, join(folder, "endpoints-16-20"));
  rmSync(present);
}

describe("an agent of another release", () => {
  test("takes the maps of the earlier one over while pods speak with each other", async () => {
    await using it = await startNode(both);
    const [a, b] = [await it.node.addPod("a"), await it.node.addPod("b")];
    const flood = it.box.start(a.netns, ["ping", "-i", "0.02", "-n", addressAt(b.result, 0)]);
    await it.node.stopAgent();
    const folder = join(it.node.config.programs.folder, "twill-n1");
    downgrade(folder);
    // Another size, too.
    renameSync(join(folder, "counters-4-16"), join(folder, "counters-4-16-aside1"));
    await it.node.startAgent();
    expect(it.node.log.filter((line) => line.startsWith("took "))).toEqual([
      expect.stringMatching(/^took \d+ elements of counters over from .*counters-4-16-aside1$/),
      expect.stringMatching(/^took 4 elements of endpoints over from .*endpoints-16-20$/),
    ]);
    expect(readdirSync(folder).filter((name) => /aside|endpoints-16-20/.test(name))).toEqual([]);
    const numbers = () => [...flood.output().matchAll(/icmp_seq=(\d+)/g)].map(([, number]) => Number(number));
    const before = numbers().length;
    await until(() => numbers().length > before + 5, "they speak on");
    flood.kill();
    const sequence = numbers();
    expect(sequence).toEqual(sequence.map((_, index) => index + 1));
  });
});
