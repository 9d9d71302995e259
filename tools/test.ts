// Runs all tests but the repository's rules (those are `make check`): tools/test.ts [PART OF A PATH]...
import { bunTest, type Job, runJobs } from "./job.ts";
import { formatTally } from "./tally.ts";

const project = new URL("../", import.meta.url).pathname;
const long = process.env["TWILL_LONG"] === "1";
const minuteMs = 60_000;
// The guest has an emulated processor, and shares the real ones with the other tests.
const timeoutMs = (long ? 60 : 17) * minuteMs;
const runTimeoutMs = (long ? 6 * 60 : 20) * minuteMs;
const width = 2;

const wanted = process.argv.slice(2);
const files = [...new Bun.Glob("{src,test,tools,bench}/**/*.test.ts").scanSync({ cwd: project })]
  .filter((file) => !file.startsWith("test/repo/"))
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  // Backwards, so that those of test/, with their virtual machine and container runtimes, start first: they take longest.
  .sort((a, b) => (a < b ? 1 : -1));
const pure = files.filter((file) => !file.endsWith(".root.test.ts"));
// Each in a process of its own: a crash in foreign code, or a thread left in another namespace, stays with its file.
const root = files.filter((file) => file.endsWith(".root.test.ts"));
const jobs: Job[] = root.map((file) => bunTest(file, [file], timeoutMs));
if (pure.length > 0) jobs.unshift(bunTest(`${pure.length} files that need no root`, pure, timeoutMs));

if (jobs.length === 0) {
  console.log(`No test's path contains ${wanted.join(" or ")}: T takes a part of a path, such as T=src/net`);
  process.exit(1);
}
setTimeout(() => {
  console.log(
    `\nFailed:\n  the run did not end within ${runTimeoutMs / minuteMs} minutes\n0 passed, 1 failed, 0 skipped`,
  );
  process.exit(1);
}, runTimeoutMs).unref();
const tally = await runJobs(jobs, width);
console.log(`\n${formatTally(tally)}`);
process.exit(tally.failed > 0 || tally.passed === 0 ? 1 : 0);
