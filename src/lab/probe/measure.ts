// How fast two places of a lab reach each other, as twill-pod measures it from inside of both.

import { LabError } from "#lab/spec.ts";
import type { Ip } from "#net/ip.ts";

/** Processes whose network both ends are in, the control group of the first, and an address of the second. */
export type Ends = { readonly from: number; readonly cgroup: string; readonly to: number; readonly host: Ip };

export type Speed = {
  /** What half of the round trips and 99 of 100 took at most, in microseconds. */
  readonly p50Us: number;
  readonly p99Us: number;
  readonly bitsPerSecond: number;
};

/** Takes twice `timeMs`. @throws LabError with the tool's sentence */
export async function measureSpeed(
  { from, cgroup, to, host }: Ends,
  { tool, timeMs }: { readonly tool: string; readonly timeMs: number },
): Promise<Speed> {
  const words = [
    "--from",
    String(from),
    "--cgroup",
    cgroup,
    "--to",
    String(to),
    "--host",
    host,
    "--time",
    String(timeMs),
  ];
  const child = Bun.spawn([tool, "measure", ...words], { stdin: "ignore", stdout: "pipe", stderr: "pipe", env: {} });
  const [stdout, stderr, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (exitCode !== 0) {
    throw new LabError(`Cannot measure the way to ${host}: ${stderr.trim() || `twill-pod ended with ${exitCode}`}`);
  }
  const [p50 = 0, p99 = 0, bitsPerSecond = 0] = stdout.split(" ").map(Number);
  return { p50Us: p50 / 1000, p99Us: p99 / 1000, bitsPerSecond };
}
