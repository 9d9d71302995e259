// What is printed into a pipe that is read slowly, or by nobody.

import { describe, expect, test } from "bun:test";

const module = new URL("finish-output.ts", import.meta.url).pathname;
const bytes = 1_000_000;
/** As `main.ts` ends: with an exit code, at once after the last word. */
const script = `
import { finishOutput } from ${JSON.stringify(module)};
for (let i = 0; i < 10; i++) process.stdout.write("x".repeat(${bytes / 10}));
process.stderr.write("the end");
finishOutput().then(() => process.exit(3));`;

function print(then: string) {
  const command = [`"$0" -e "$1" ${then}; echo "code \${PIPESTATUS[0]}" >&2`];
  const run = Bun.spawnSync(["bash", "-c", ...command, process.execPath, script], { timeout: 20_000 });
  return { out: run.stdout.toString().trim(), err: run.stderr.toString().trim() };
}

describe("finishOutput()", () => {
  test("waits for a slow reader", () => {
    expect(print("| (sleep 0.3; wc -c)")).toEqual({ out: String(bytes), err: "the endcode 3" });
  });

  test("does not wait for a reader that is gone", () => {
    expect(print("| true").err).toContain("code 3");
  });

  test("is done at once where nobody ever reads", () => {
    expect(print(">&-").err).toContain("code 3");
  });
});
