// Benchmarks in their small form: everything is built up, reached and compared as in the long one, and no result is kept.

import { expect, test } from "bun:test";

const patienceMs = 180_000;

function runSmall(script: string): string {
  const command = [process.execPath, new URL(script, import.meta.url).pathname, "small"];
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, { timeout: patienceMs });
  if (exitCode !== 0) throw new Error(`${script} failed with ${exitCode}: ${stderr.toString()}`);
  return stdout.toString();
}

const rows: readonly (readonly [script: string, comparisons: number])[] = [
  ["policy.ts", 7],
  ["services.ts", 13],
];
for (const [script, comparisons] of rows) {
  test(
    `bench/${script} compares what it says`,
    () => {
      const ratios = [...runSmall(script).matchAll(/, ratio ([\d.]+)/g)].map(([, ratio]) => Number(ratio));
      expect(ratios.length).toBe(comparisons);
      // Twice as long, or half, is another way than the one that was meant.
      for (const ratio of ratios) expect(ratio > 0.3 && ratio < 3).toBe(true);
    },
    patienceMs,
  );
}

test(
  "bench/services-model.ts starts an agent and sees changes arrive",
  () => {
    const output = runSmall("services-model.ts");
    expect(output).toMatch(/^50 services × 10: [\d.]+ s .*, \d+ MB/);
    expect(output).toMatch(/write to map: p50 [\d.]+ ms/);
    expect(output).toMatch(/one of 100 leaves: 1\.\d\d % moved/);
  },
  patienceMs,
);

test(
  "bench/policy-try.ts looks at a whole cluster four times",
  () => expect(runSmall("policy-try.ts").match(/ [\d.]+ s, [\d.]+ s of a processor$/gm)?.length).toBe(4),
  patienceMs,
);

test(
  "bench/programs.ts runs packets of every kind",
  () => {
    const output = runSmall("programs.ts");
    const times = [...output.matchAll(/ (\d+) ns$/gm)].map(([, nanoseconds]) => Number(nanoseconds));
    expect(times.length).toBe(13);
    for (const time of times) expect(time).toBeGreaterThan(0);
  },
  patienceMs,
);

test(
  "bench/policy-latency.ts sees policies come into force on all nodes",
  () => expect(runSmall("policy-latency.ts")).toMatch(/^in force on 3 nodes, 6 pods: p50 [\d.]+ ms, p99 [\d.]+ ms/),
  patienceMs,
);
