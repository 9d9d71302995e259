// A machine of a test's own: network, process and mount namespaces, in which a container runtime finds its usual places empty.
import { mkdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { Netns, Ran, RunOptions, Sandbox, Started } from "../sandbox.ts";
import { removeCgroups, sweepCgroups } from "./cgroup.ts";

const script = new URL("node.sh", import.meta.url).pathname;
const readyWaitMs = 60_000;

/** Where runtimes and plugins keep state whatever their configuration says. Each node has its own. */
const privatePlaces = [
  ...["/dev/shm", "/run/cni", "/run/containerd", "/run/containers", "/run/libpod", "/run/runc", "/run/twill"],
  ...["/var/lib/cni", "/var/lib/containers", "/var/lib/twill"],
];
const netnsPlace = "/run/netns";

/**
 * Owner of the namespaces. When it goes, by disposal or because the test was killed, every process in it is killed and
 * every mount in it is gone: containers that a runtime left running are no exception.
 */
export class Node {
  readonly netns: Netns;
  /** For configuration, sockets and state; the same path in the node and outside. */
  readonly folder: string;
  /** What the node has at /run/netns: the network namespaces that are mounted there are seen outside too. */
  readonly #netnsFolder: string;
  readonly #box: Sandbox;
  readonly #init: Started;

  /** Throws when the namespaces cannot be set up within some seconds. */
  constructor(box: Sandbox, label = "node") {
    sweepCgroups();
    this.#box = box;
    this.netns = box.netns(label);
    this.folder = box.dir();
    this.#netnsFolder = join(this.folder, "netns");
    mkdirSync(this.#netnsFolder);
    mount("--bind", this.#netnsFolder, this.#netnsFolder);
    mount("--make-private", this.#netnsFolder); // The host's own mount may be shared: leave that group, then found one.
    mount("--make-shared", this.#netnsFolder);
    for (const place of privatePlaces) mkdirSync(this.outside(place), { recursive: true });
    const places = [netnsPlace, ...privatePlaces].flatMap((place) => [this.outside(place), place]);
    this.#init = box.start(this.netns, [
      ...["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "unchanged", "--pid", "--fork"],
      ...["--kill-child", "sh", script, this.#netnsFolder, ...places],
    ]);
    this.#waitUntilReady();
  }

  /** The name of the node's control groups: `/NAME` in every hierarchy, removed with the node. */
  get cgroup(): string {
    return this.netns.name;
  }

  /** Where something that the node has at one of its private places is outside: /var/lib/cni/results, /run/netns/x. */
  outside(path: string): string {
    const inNetns = path === netnsPlace || path.startsWith(`${netnsPlace}/`);
    return inNetns ? join(this.#netnsFolder, path.slice(netnsPlace.length)) : join(this.folder, "private", path);
  }

  run(command: readonly string[], options: RunOptions = {}): Ran {
    return this.#box.run(this.netns, this.#inside(command), options);
  }

  /** Returns what the command writes to stdout; throws with its stderr when it fails. */
  sh(command: readonly string[], options: RunOptions = {}): string {
    return this.#box.sh(this.netns, this.#inside(command), options);
  }

  start(command: readonly string[], options: Pick<RunOptions, "env" | "cwd"> = {}): Started {
    return this.#box.start(this.netns, this.#inside(command), options);
  }

  [Symbol.dispose](): void {
    this.#init.kill();
    removeCgroups(this.cgroup);
  }

  #inside(command: readonly string[]): string[] {
    const ns = `/proc/${this.#init.pid}/ns`;
    // nsenter stays outside and waits for the command: when it is killed, the command must go too.
    const enter = ["nsenter", `--mount=${ns}/mnt`, `--pid=${ns}/pid_for_children`, "--wdns=/"];
    return [...enter, "setpriv", "--pdeathsig", "KILL", ...command];
  }

  #waitUntilReady(): void {
    const giveUp = performance.now() + readyWaitMs;
    while (!this.#init.output().includes("ready")) {
      const hasEnded = !isRunning(this.#init.pid);
      const said = this.#init.output().trim();
      if (hasEnded && !said.includes("ready"))
        throw new Error(`Cannot set up the node ${this.netns.name}: its first process has ended, it said: ${said}`);
      if (performance.now() > giveUp)
        throw new Error(`Cannot set up the node ${this.netns.name} within ${readyWaitMs} ms, it said: ${said}`);
      Bun.sleepSync(2);
    }
  }
}

/** Whether the process is there and no zombie. */
function isRunning(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`) !== "";
  } catch {
    return false;
  }
}

function mount(...words: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(["mount", ...words]);
  if (exitCode !== 0) throw new Error(`mount ${words.join(" ")} failed with ${exitCode}: ${stderr.toString().trim()}`);
}
