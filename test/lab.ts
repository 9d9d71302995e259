// Labs for one test: started by the built executable, gone when the test ends or at the next run after it was killed.
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { cgroupMount } from "#kernel/cgroup-mount.ts";
import type { KubeClient } from "#kube/client.ts";
import { nodes } from "#kube/resource.ts";
import { processesBelow, removeGroup } from "#lab/cgroup.ts";
import { placesOf } from "#lab/world/places.ts";
import { adminClient } from "#lab/world/ready.ts";
import type { LabStatus } from "#lab/world/status.ts";
import { sweepLeftovers } from "./leftovers.ts";
import { isLeftover, ownPrefix } from "./owner.ts";
import { needsRoot } from "./sandbox.ts";

/** The built executable. */
export const twill = resolve(import.meta.dir, "../dist/twill");
/** What does the lab's work beside it, such as probes. */
export const podTool = join(dirname(twill), "twill-pod");
const timeoutMs = 120_000;
/** What a lab's nodes hear or answer a moment later is waited for as long. */
export const waitMs = 30_000;

export type LabRan = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

let made = 0;

/**
 * A state folder of its own, with one lab or several below it.
 *
 *     await using labs = await TestLabs.open();
 *     const lab = labs.name();
 *     labs.ok("up", lab);
 */
export class TestLabs implements AsyncDisposable {
  readonly folder: string;
  readonly #names: string[] = [];

  private constructor() {
    needsRoot();
    this.folder = join(tmpdir(), `${ownPrefix()}${made++}-labs`);
    mkdirSync(this.folder);
  }

  /** Ends what killed test runs left behind first. */
  static async open(): Promise<TestLabs> {
    if (!existsSync(twill)) throw new Error(`Cannot test the lab: ${twill} is missing, make it with make build`);
    await sweepLabs();
    return new TestLabs();
  }

  /** Names of a lab's nodes in the API. */
  async nodeNames(lab: string): Promise<readonly string[]> {
    const { items } = await this.client(lab).list(nodes);
    return items.map(({ metadata }) => metadata.name ?? "");
  }

  /** A name that no other test has. */
  name(): string {
    const name = `${ownPrefix()}${made++}`;
    this.#names.push(name);
    return name;
  }

  /** `twill lab WORDS`, whatever its exit code. */
  run(...words: readonly string[]): LabRan {
    const { exitCode, stdout, stderr } = Bun.spawnSync([twill, "lab", ...words], this.#surroundings());
    return { exitCode: exitCode ?? 128, stdout: stdout.toString(), stderr: stderr.toString() };
  }

  /** The output of `twill lab WORDS`; throws with its stderr when it fails. */
  ok(...words: readonly string[]): string {
    const { exitCode, stdout, stderr } = this.run(...words);
    if (exitCode !== 0)
      throw new Error(`twill lab ${words.join(" ")} failed with ${exitCode}: ${stderr.trim() || stdout}`);
    return stdout;
  }

  /** Runs a script whose $0 is the executable in mounts of its own. */
  apart(script: string): LabRan {
    const command = ["unshare", "--mount", "sh", "-ec", script, twill];
    const { exitCode, stdout, stderr } = Bun.spawnSync(command, this.#surroundings());
    return { exitCode: exitCode ?? 128, stdout: stdout.toString(), stderr: stderr.toString() };
  }

  /** The same without waiting for it; resolves with its exit code and stderr. */
  async start(...words: readonly string[]): Promise<{ readonly exitCode: number; readonly stderr: string }> {
    const child = Bun.spawn([twill, "lab", ...words], { ...this.#surroundings(), stdout: "ignore", stderr: "pipe" });
    const [stderr, exitCode] = await Promise.all([child.stderr.text(), child.exited]);
    return { exitCode, stderr };
  }

  /** Starts `twill lab WORDS` and kills it after a time. */
  async startAndKill(afterMs: number, ...words: readonly string[]): Promise<void> {
    const child = Bun.spawn([twill, "lab", ...words], { ...this.#surroundings(), stdout: "ignore", stderr: "ignore" });
    await Bun.sleep(afterMs);
    child.kill("SIGKILL");
    await child.exited;
  }

  /** Runs a command inside a station of a lab; its exit code tells. */
  inside(lab: string, place: string, ...command: readonly string[]): LabRan {
    return this.run("shell", "--lab", lab, place, "--", ...command);
  }

  status(lab: string): LabStatus {
    return JSON.parse(this.ok("status", lab, "-o", "json")) as LabStatus;
  }

  /** What is not as it should be, `node1: lacks kubelet`. */
  broken(lab: string): readonly string[] {
    const parts = this.status(lab).parts.filter(({ state }) => state !== "up");
    return parts.map(({ name, state }) => `${name}: ${state}`);
  }

  /** A client of a lab's API server, as its administrator. */
  client(lab: string): KubeClient {
    return adminClient(placesOf(lab, this.folder));
  }

  /** What the cluster gave a node for its pods. */
  async blocksOf(lab: string, node: string): Promise<readonly string[]> {
    const { spec } = await this.client(lab).get(nodes, { name: node });
    return spec?.podCIDRs ?? [];
  }

  /** The page at a URL, asked for inside a station; throws with what went wrong. */
  fetch(lab: string, place: string, url: string, ...more: readonly string[]): string {
    const { exitCode, stdout, stderr } = this.inside(lab, place, "curl", "-sS", "-m", "10", ...more, url);
    if (exitCode !== 0) throw new Error(`Cannot fetch ${url} from ${place}: ${stderr.trim()} (${exitCode})`);
    return stdout;
  }

  /** Whether an answer comes at once. */
  pings(lab: string, place: string, address: string): boolean {
    return this.inside(lab, place, "ping", "-c", "1", "-W", "0.3", address).exitCode === 0;
  }

  /** Whether answers come within `waitMs`. */
  reaches(lab: string, place: string, address: string): Promise<boolean> {
    return within(waitMs, () => this.pings(lab, place, address));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of this.#names) await removeGroup(groupOf(name), Bun.sleep);
    rmSync(this.folder, { recursive: true, force: true });
  }

  #surroundings() {
    const env = { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`, HOME: "/root", TWILL_LAB_DIR: this.folder };
    return { env, stdin: "ignore", timeout: timeoutMs, killSignal: "SIGKILL" } as const;
  }
}

/** Where everything of a lab runs. */
export function groupOf(lab: string): string {
  return join(cgroupMount(), "twill-lab", lab);
}

/** Process ids of a lab. */
export function processesOf(lab: string): readonly number[] {
  return processesBelow(groupOf(lab));
}

/** Whether it becomes true in time. */
export async function within(ms: number, isTrue: () => boolean | Promise<boolean>): Promise<boolean> {
  for (const until = performance.now() + ms; performance.now() < until; await Bun.sleep(20)) {
    if (await isTrue()) return true;
  }
  return false;
}

async function sweepLabs(): Promise<void> {
  const root = groupOf("");
  mkdirSync(root, { recursive: true });
  for (const name of readdirSync(root).filter(isLeftover)) await removeGroup(groupOf(name), Bun.sleep);
  // Their folders, now that nobody uses them.
  sweepLeftovers();
}
