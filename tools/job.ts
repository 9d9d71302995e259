// One process of a test run or a check: bounded in time, its words kept in a file, its outcome counted.
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseJunit, type TestCase } from "#test/vm/junit.ts";
import { addTallies, countCases, formatTally, type Tally } from "./tally.ts";

export type Job = {
  readonly title: string;
  readonly command: readonly string[];
  readonly timeoutMs: number;
  /** Whether the command takes `--reporter` and tells its tests apart; else it counts as one test by its exit code. */
  readonly tests: boolean;
};

export type JobResult = {
  readonly title: string;
  readonly tally: Tally;
  readonly seconds: number;
  /** One sentence a failure; empty when all went well. */
  readonly failures: readonly string[];
  /** All that the process wrote. */
  readonly output: string;
};

const project = new URL("../", import.meta.url).pathname;
const maxOutputLines = 200;
const oneFailed: Tally = { passed: 0, failed: 1, skipped: 0 };

/** Runs `bun test` on files, given relative to the project, at least one: without any it would run all it finds. */
export function bunTest(title: string, files: readonly string[], timeoutMs: number): Job {
  if (files.length === 0) throw new Error(`Cannot run ${title}: there are no such test files`);
  const perTestMs = 60_000; // Two busy cores: what is quick alone may wait for others. Tests set their own where they know better.
  const paths = files.map((file) => `./${file}`);
  const command = [process.execPath, "test", "--only-failures", `--timeout=${perTestMs}`, ...paths];
  return { title, command, timeoutMs, tests: true };
}

/** Runs the jobs, `width` at a time, tells each as it ends, and then what failed. Returns the sum. */
export async function runJobs(jobs: readonly Job[], width: number): Promise<Tally> {
  const waiting = [...jobs];
  const results: JobResult[] = [];
  async function work(): Promise<void> {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
      const result = await runJob(job);
      results.push(result);
      const word = result.failures.length === 0 ? "ok  " : "FAIL";
      console.log(`${word}  ${result.title}: ${formatTally(result.tally)}, ${result.seconds.toFixed(1)} s`);
    }
  }
  await Promise.all(Array.from({ length: width }, work));
  const failed = results.filter(({ failures }) => failures.length > 0);
  for (const { title, output } of failed) console.log(`\n--- ${title}\n${lastLines(output)}`);
  if (failed.length > 0) console.log("\nFailed:");
  for (const failure of failed.flatMap(({ failures }) => failures)) console.log(`  ${failure}`);
  return addTallies(results.map(({ tally }) => tally));
}

/** Runs one job to its end, whatever that is. */
export async function runJob(job: Job): Promise<JobResult> {
  // Into files: a pipe stays open for as long as a forgotten grandchild holds it.
  const folder = mkdtempSync(join(tmpdir(), "twill-job-"));
  try {
    const report = join(folder, "report.xml");
    const logFile = join(folder, "log");
    const startedAt = performance.now();
    const ended = await runBounded(job, report, logFile);
    const seconds = (performance.now() - startedAt) / 1000;
    const cases = existsSync(report) ? parseJunit(readFileSync(report, "utf8")) : [];
    return { title: job.title, seconds, output: readFileSync(logFile, "utf8"), ...judge(job, ended, seconds, cases) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runBounded(job: Job, report: string, logFile: string): Promise<Ended> {
  const reporter = job.tests ? ["--reporter=junit", `--reporter-outfile=${report}`] : [];
  const log = openSync(logFile, "w");
  try {
    const child = Bun.spawn([...job.command, ...reporter], {
      cwd: project,
      env: { ...process.env, NO_COLOR: "1" },
      stdin: "ignore",
      stdout: log,
      stderr: log,
      timeout: job.timeoutMs,
      killSignal: "SIGKILL",
    });
    await child.exited;
    return child;
  } finally {
    closeSync(log);
  }
}

function judge(
  job: Job,
  ended: Ended,
  seconds: number,
  cases: readonly TestCase[],
): Pick<JobResult, "tally" | "failures"> {
  const broken = breakage(job, ended, seconds, cases);
  const onePassed = { passed: broken === undefined ? 1 : 0, failed: 0, skipped: 0 };
  const tallies = [job.tests ? countCases(cases) : onePassed, ...(broken === undefined ? [] : [oneFailed])];
  const failures = [
    ...(broken === undefined ? [] : [`${job.title} ${broken}`]),
    ...cases.filter(isFailed).map(describeCase),
  ];
  return { tally: addTallies(tallies), failures };
}

type Ended = { readonly exitCode: number | null; readonly signalCode: string | number | null };

/** What is wrong with the process itself, beyond the tests that it reports as failed. */
function breakage(job: Job, ended: Ended, seconds: number, cases: readonly TestCase[]): string | undefined {
  if (ended.signalCode !== null) {
    const late = seconds * 1000 >= job.timeoutMs;
    return late ? `did not end within ${job.timeoutMs / 1000} s` : `died by ${ended.signalCode}`;
  }
  if (ended.exitCode !== 0 && !cases.some(isFailed)) return `ended with exit code ${ended.exitCode}`;
  return job.tests && cases.length === 0 ? "ran no tests" : undefined;
}

function isFailed({ outcome }: TestCase): boolean {
  return outcome === "failed";
}

function describeCase({ file, path }: TestCase): string {
  return `${file} > ${path.join(" > ")}`;
}

function lastLines(text: string): string {
  const lines = text.trimEnd().split("\n");
  const left = lines.length - maxOutputLines;
  return left > 0 ? [`(${left} lines before)`, ...lines.slice(left)].join("\n") : lines.join("\n");
}
