// A job tells what its tests did, and never passes by dying, hanging or running nothing.
import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Job, runJob } from "./job.ts";

const timeoutMs = 10_000;

describe("runJob()", () => {
  const rows: readonly {
    readonly what: string;
    readonly source: string;
    readonly timeoutMs?: number;
    readonly tally: readonly [passed: number, failed: number, skipped: number];
    readonly failures: readonly string[];
  }[] = [
    {
      what: "counts passed, skipped and planned tests",
      source: 'test("a", () => {}); test.skip("b", () => {}); test.todo("c");',
      tally: [1, 0, 2],
      failures: [],
    },
    {
      what: "names a failed test",
      source: 'describe("x <y>", () => { test("a", () => {}); test("b & c", () => { throw new Error("no"); }); });',
      tally: [1, 1, 0],
      failures: ["FILE > x <y> > b & c"],
    },
    { what: "fails a file without tests", source: "", tally: [0, 1, 0], failures: ["it ran no tests"] },
    {
      what: "fails a file that throws while it loads",
      source: 'throw new Error("no");',
      tally: [0, 1, 0],
      failures: ["it ended with exit code 1"],
    },
    {
      what: "fails a process that dies",
      source: 'test("a", () => process.kill(process.pid, "SIGSEGV"));',
      tally: [0, 1, 0],
      failures: ["it died by SIGSEGV"],
    },
    {
      what: "ends and fails a process that takes too long",
      source: 'test("a", () => Bun.sleepSync(60_000));',
      timeoutMs: 1500,
      tally: [0, 1, 0],
      failures: ["it did not end within 1.5 s"],
    },
  ];
  for (const row of rows) {
    test(row.what, async () => {
      const folder = mkdtempSync(join(tmpdir(), "job-"));
      try {
        const file = join(folder, "x.test.ts");
        writeFileSync(file, `import { describe, test } from "bun:test";\ndescribe;\ntest;\n${row.source}\n`);
        const command = [process.execPath, "test", file];
        const job: Job = { title: "it", command, timeoutMs: row.timeoutMs ?? timeoutMs, tests: true };
        const { tally, failures } = await runJob(job);
        expect([tally.passed, tally.failed, tally.skipped]).toEqual([...row.tally]);
        expect(failures.map((failure) => failure.replace(/^\S*x\.test\.ts/, "FILE"))).toEqual([...row.failures]);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  }

  test("counts a plain command as one test", async () => {
    const job = { title: "it", timeoutMs, tests: false };
    const good = await runJob({ ...job, command: ["true"] });
    const bad = await runJob({ ...job, command: ["sh", "-c", "echo why; exit 3"] });
    expect(good).toMatchObject({ tally: { passed: 1, failed: 0, skipped: 0 }, failures: [], output: "" });
    const tally = { passed: 0, failed: 1, skipped: 0 };
    expect(bad).toMatchObject({ tally, failures: ["it ended with exit code 3"], output: "why\n" });
  });
});
