// The demo as people run it: it shows what it promises, and nothing of it is left, also after Ctrl-C.
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { groupOf } from "#test/lab.ts";
import { maxWidth } from "./transcript.ts";

const limitMs = 180_000;
const demo = new URL("demo.ts", import.meta.url).pathname;

/** Runs the demo; `seen` is told all that it has printed so far, whenever it prints. */
async function run(seen: (demo: Bun.Subprocess, printed: string) => void = () => {}) {
  const child = Bun.spawn([process.execPath, demo], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  let printed = "";
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    printed += decoder.decode(chunk, { stream: true });
    seen(child, printed);
  }
  const [exitCode, told] = await Promise.all([child.exited, child.stderr.text()]);
  // On a busy machine a probe says how far it is.
  const stderr = told.replaceAll(/^\d+ of \d+ connections tried\n/gm, "");
  return { exitCode, stdout: printed, stderr, name: `demo-${child.pid}` };
}

function isGone(name: string): boolean {
  return !existsSync(groupOf(name)) && !existsSync(`/run/twill/lab/${name}`);
}

describe("make demo", () => {
  test(
    "shows the lab in lines that fit, without colours for a pipe, and removes it",
    async () => {
      const { exitCode, stdout, stderr, name } = await run();
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
      expect(stdout.split("\n").filter((line) => line.length > maxWidth || line.includes("\x1b"))).toEqual([]);
      expect(stdout).toMatch(/^database-0 +1\/1 +Running .*10\.244\.\d+\.\d+ +node\d$/m);
      expect(stdout).toMatch(/^\S+ +\S+ +within node\d +[\d.]+ µs +[\d.]+ µs +[\d.]+ Gbit\/s$/m);
      // Pods leave the cluster under their node's address.
      expect(stdout).toMatch(/^www\.example\.com greets 172\.30\.0\.1[123]$/m);
      // Before the policies, and after them.
      expect(stdout).toMatch(/^database +ok +ok +ok +ok$/m);
      expect(stdout).toMatch(/^database +timeout +timeout +ok +timeout$/m);
      expect(stdout).toContain("isolated by NetworkPolicy shop/database-allow-backend");
      expect(stdout).toMatch(/^ {2}all of it is gone +\d+\.\d\d s$/m);
      expect(isGone(name)).toBe(true);
    },
    limitMs,
  );

  const moments = [
    ["while nodes start", "$ dist/twill lab up"],
    ["while pods start", "namespace/shop created"],
    ["while a pod is asked", "$ kubectl exec"],
  ] as const;
  for (const [what, mark] of moments) {
    test(
      `removes all when it is interrupted ${what}`,
      async () => {
        let sent = false;
        const { exitCode, stderr, name } = await run((child, printed) => {
          if (sent || !printed.includes(mark)) return;
          sent = true;
          child.kill("SIGINT");
        });
        expect({ exitCode, stderr }).toEqual({ exitCode: 130, stderr: "\nThe demo ended early: interrupted\n\n" });
        expect(isGone(name)).toBe(true);
      },
      limitMs,
    );
  }

  test(
    "removes what a killed demo has left",
    async () => {
      const killed = await run((child, printed) => {
        if (printed.includes("namespace/shop created")) child.kill("SIGKILL");
      });
      expect(isGone(killed.name)).toBe(false);
      const { exitCode, stderr } = await run();
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
      expect(isGone(killed.name)).toBe(true);
    },
    limitMs,
  );
});
