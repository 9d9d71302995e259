// Checks format, lint, types and the rules of the repository, side by side, in well under a minute.
import { bunTest, runJobs } from "./job.ts";
import { formatTally } from "./tally.ts";

const project = new URL("../", import.meta.url).pathname;
const timeoutMs = 120_000;
const bin = `${project}node_modules/.bin`;
const rules = [...new Bun.Glob("test/repo/*.test.ts").scanSync({ cwd: project })].sort();

const biome = [`${bin}/biome`, "ci", "--colors=off", "--error-on-warnings", "--max-diagnostics=20"];
const jobs = [
  { title: "format and lint", command: biome, timeoutMs, tests: false },
  { title: "types", command: [`${bin}/tsc`, "--project", "."], timeoutMs, tests: false },
  bunTest("rules of the repository", rules, timeoutMs),
];
const tally = await runJobs(jobs, jobs.length);
console.log(`\n${formatTally(tally)}`);
process.exit(tally.failed > 0 ? 1 : 0);
