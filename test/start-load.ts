// Starts connections that must not break, from inside of a pod (connection-load.ts).

import type { Target } from "#lab/world/pod-target.ts";
import type { LoadReport } from "./connection-load.ts";
import { podTool } from "./lab.ts";

const script = new URL("connection-load.ts", import.meta.url).pathname;

/** A load that goes on until `end` is called. */
export type Load = { readonly end: () => Promise<LoadReport> };

/** Connects to places that say lines back. */
export function startLoad({ pid, cgroup }: Target, places: readonly string[]): Load {
  const words = ["--pid", String(pid), "--cgroup", cgroup, "--", process.execPath, script, ...places];
  const child = Bun.spawn([podTool, "exec", ...words], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  const output = new Response(child.stdout).text();
  return {
    end: async () => {
      child.stdin.end();
      const text = await output;
      await child.exited;
      return JSON.parse(text) as LoadReport;
    },
  };
}
