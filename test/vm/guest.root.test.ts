// Runs every *.guest.ts in one virtual machine and repeats each of its tests' outcomes here, by name.
import { describe, expect, test } from "bun:test";
import { guestResultFile, prefixLines, runInGuest } from "./guest.ts";
import { parseJunit } from "./junit.ts";

const project = new URL("../../", import.meta.url).pathname;
const timeoutMs = 900_000;
const files = [...new Bun.Glob("{src,test}/**/*.guest.ts").scanSync({ cwd: project })].sort();

// The guest runs while this file loads: only then can its tests be declared under their own names.
// An emulated processor is ten times slower: what is a hang on the host may be work there.
const options = ["--timeout=180000", "--reporter=junit", `--reporter-outfile=${guestResultFile}`];
const command = ["node_modules/.bin/bun", "test", ...options, ...files.map((file) => `./${file}`)];
const run = await runInGuest({ command, timeoutMs });
const cases = parseJunit(run.result ?? "");

describe(`in a guest with Linux ${run.kernel}`, () => {
  for (const file of files) {
    describe(file, () => {
      const own = cases.filter((entry) => entry.file === file);
      for (const { path, outcome, message } of own) {
        const declare = outcome === "skipped" ? test.skip : test;
        declare(path.join(" > "), () => {
          if (outcome === "failed") throw new Error(`It fails in the guest:\n${prefixLines("guest| ", message)}`);
        });
      }
      // A file that breaks while it loads has no tests in the report.
      if (own.length === 0) {
        test("has tests that ran", () => {
          throw new Error(`It has no outcome in the guest, which printed:\n${prefixLines("guest| ", run.output)}`);
        });
      }
    });
  }

  test("the run as a whole ended as its tests did", () => {
    const failed = cases.some(({ outcome }) => outcome === "failed");
    if (run.exitCode !== 0 && !failed) {
      throw new Error(`bun test ended with ${run.exitCode} and printed:\n${prefixLines("guest| ", run.output)}`);
    }
    expect(run.exitCode === 0).toBe(!failed);
  });
});

describe("runInGuest()", () => {
  test("names the modules that the kernel lacks before it boots", async () => {
    const started = runInGuest({ command: ["true"], modules: ["dummy", "nosuchmodule"] });
    await expect(started).rejects.toThrow("has no module nosuchmodule");
  });

  test("ends a guest that takes too long, and says so", async () => {
    const started = runInGuest({ command: ["sleep", "600"], timeoutMs: 500 });
    await expect(started).rejects.toThrow("Cannot run sleep 600 in the guest: it did not end within 0.5 s");
  });
});
