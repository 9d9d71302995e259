// Starts connections that must not break, from inside of a pod (connection-load.ts).

import { splitLines } from "#kube/lines.ts";
import type { Target } from "#lab/world/pod-target.ts";
import type { LoadReport } from "./connection-load.ts";
import { podTool } from "./lab.ts";

const script = new URL("connection-load.ts", import.meta.url).pathname;

const startMs = 20_000;

/** A load that goes on until `end` is called. */
export type Load = { readonly end: () => Promise<LoadReport> };

/**
 * Connects to places that say lines back; resolves when those connections that stay have had an answer.
 * @throws Error when they have none
 */
export async function startLoad({ pid, cgroup }: Target, places: readonly string[]): Promise<Load> {
  const words = ["--pid", String(pid), "--cgroup", cgroup, "--", process.execPath, script, ...places];
  const child = Bun.spawn([podTool, "exec", ...words], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  const output = splitLines(child.stdout);
  const next = async () => String((await output.next()).value);
  const first = next();
  if ((await Promise.race([first, Bun.sleep(startMs)])) !== "started") {
    child.stdin.end();
    throw new Error(`Not all of ${places.join(", ")} answer: ${await first}`);
  }
  return {
    end: async () => {
      child.stdin.end();
      return JSON.parse(await next()) as LoadReport;
    },
  };
}
