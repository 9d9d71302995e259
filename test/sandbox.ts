// A place for one root test: network namespaces, folders and processes that go when the test ends.
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { killAndWait, removeFolder, removeNamespaces, sweepLeftovers } from "./leftovers.ts";
import { ownPrefix } from "./owner.ts";

/** A network namespace: its name for `ip netns`, and the path that CNI_NETNS and `nsenter --net=` take. */
export type Netns = { readonly name: string; readonly path: string };

export type RunOptions = {
  readonly stdin?: string | Uint8Array;
  /** Added to a bare environment of PATH, HOME, LC_ALL and a bus that is nowhere: nothing of the caller's own leaks in. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** After this time the command is killed; 60 seconds unless given. */
  readonly timeoutMs?: number;
};

export type Ran = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

export type Started = {
  readonly pid: number;
  /** Resolves with the exit code, 128 + signal for a killed process. */
  readonly exited: Promise<number>;
  /** All that it has written to stdout and stderr up to now. */
  readonly output: () => string;
  /** Sends SIGKILL and waits until the process has let go of its namespace. */
  readonly kill: () => void;
};

const defaultTimeoutMs = 60_000;
const maxBoxes = 10_000;

/** Fails the test that needs root and has none: a skipped test would look like a passed one. */
export function needsRoot(): void {
  const uid = process.getuid?.();
  if (uid !== 0)
    throw new Error(`Cannot make network namespaces as user ${uid}: run the tests as root, sudo make test`);
}

/**
 * Owner of everything that one root test makes.
 *
 *     using box = new Sandbox();
 *     const host = box.netns("host");
 *     box.sh(host, ["ip", "link", "add", "br0", "type", "bridge"]);
 */
export class Sandbox {
  readonly #name: string;
  readonly #folder: string;
  readonly #namespaces: string[] = [];
  readonly #started: Started[] = [];
  #made = 0;

  /** Sweeps what killed test runs left behind, then claims a name that is unique on this machine. */
  constructor() {
    needsRoot();
    sweepLeftovers();
    this.#name = claimName();
    this.#folder = join(tmpdir(), this.#name);
  }

  /** Makes an empty network namespace with its loopback up. The label is for the reader of `ip netns list`. */
  netns(label: string): Netns {
    const name = `${this.#name}-${this.#made++}-${label}`;
    this.#namespaces.push(name);
    must(["ip", "netns", "add", name], {});
    const ns = { name, path: `/run/netns/${name}` };
    must(inside(ns, ["ip", "link", "set", "lo", "up"]), {});
    return ns;
  }

  /** Makes an empty folder. Mounts below it are undone with the sandbox. */
  dir(): string {
    const path = join(this.#folder, String(this.#made++));
    mkdirSync(path);
    return path;
  }

  /** Runs a command inside a namespace and waits for it, whatever its exit code. */
  run(ns: Netns, cmd: readonly string[], options: RunOptions = {}): Ran {
    return run(inside(ns, cmd), options);
  }

  /** Runs a command inside a namespace and returns its stdout; throws with its stderr when it fails. */
  sh(ns: Netns, cmd: readonly string[], options: RunOptions = {}): string {
    return must(inside(ns, cmd), options);
  }

  /** Starts a command inside a namespace and lets it run, at most until the sandbox goes. */
  start(ns: Netns, cmd: readonly string[], options: Pick<RunOptions, "env" | "cwd"> = {}): Started {
    const log = join(this.#folder, `${this.#made++}.log`);
    const fd = openSync(log, "a");
    try {
      const child = Bun.spawn(inside(ns, cmd), { ...surroundings(options), stdin: "ignore", stdout: fd, stderr: fd });
      child.unref(); // A test that forgets to await must not keep the run alive.
      const started: Started = {
        pid: child.pid,
        exited: child.exited,
        output: () => readFileSync(log, "utf8"),
        // A pid belongs to the child until it is reaped, which Bun records in the same turn.
        kill: () => killAndWait(child.exitCode === null && child.signalCode === null ? [child.pid] : []),
      };
      this.#started.push(started);
      return started;
    } finally {
      closeSync(fd);
    }
  }

  [Symbol.dispose](): void {
    for (const started of this.#started) started.kill();
    removeNamespaces(this.#namespaces);
    removeFolder(this.#folder);
  }
}

/** Takes the first free name by making its folder: test files in one process share no counter, but they share the disk. */
function claimName(): string {
  const prefix = ownPrefix();
  for (let n = 0; n < maxBoxes; n++) {
    try {
      mkdirSync(join(tmpdir(), `${prefix}${n}`));
      return `${prefix}${n}`;
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
  }
  throw new Error(`Cannot make a sandbox: ${maxBoxes} are open in this process, dispose them with using`);
}

/** Programs that enter a namespace by themselves: starting another one for it doubles the time, which counts in a guest. */
const selfEntering: readonly string[] = ["bridge", "ip", "tc"];

function inside(ns: Netns, [program = "", ...words]: readonly string[]): string[] {
  // They enter a mount namespace too: what `ip netns` mounts would be seen by nobody else. A namespace without a name is the process's own.
  if (ns.name !== "" && selfEntering.includes(program) && words[0] !== "netns")
    return [program, "-netns", ns.name, ...words];
  return ["nsenter", `--net=${ns.path}`, "--", program, ...words];
}

function run(cmd: readonly string[], options: RunOptions): Ran {
  const { exitCode, signalCode, stdout, stderr } = Bun.spawnSync([...cmd], {
    ...surroundings(options),
    stdin: options.stdin === undefined ? "ignore" : Buffer.from(options.stdin),
    timeout: options.timeoutMs ?? defaultTimeoutMs,
    killSignal: "SIGKILL",
  });
  const killed = signalCode === undefined ? "" : `killed by ${signalCode}\n`;
  return { exitCode: exitCode ?? 128, stdout: stdout.toString(), stderr: stderr.toString() + killed };
}

function must(cmd: readonly string[], options: RunOptions): string {
  const { exitCode, stdout, stderr } = run(cmd, options);
  if (exitCode !== 0) throw new Error(`${cmd.join(" ")} failed with ${exitCode}: ${(stderr || stdout).trim()}`);
  return stdout;
}

function surroundings({ env, cwd }: RunOptions): { env: Record<string, string>; cwd?: string } {
  const path = process.env["PATH"] ?? "/usr/bin:/bin";
  // Not the machine's own bus: a firewalld there is none of a test's business.
  const bus = { DBUS_SYSTEM_BUS_ADDRESS: "unix:path=/nowhere" };
  const bare = { PATH: `${path}:/usr/sbin:/sbin`, HOME: "/root", LC_ALL: "C.UTF-8", ...bus };
  return { env: { ...bare, ...env }, ...(cwd === undefined ? {} : { cwd }) };
}
