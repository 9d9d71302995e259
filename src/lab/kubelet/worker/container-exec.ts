// Running programs inside containers, and reaching their ports: for probes and hooks, and for whoever streams.

import { closeSync, writeSync } from "node:fs";
import type { Containers } from "#lab/kubelet/runtime/containers.ts";
import { containerPath, type PodTool } from "#lab/kubelet/runtime/pod-tool.ts";

/** A container that does not run cannot be entered, nor a pod without any that does. */
export class NotRunningError extends Error {
  readonly code = "NOT_RUNNING";

  constructor(container?: string) {
    super(
      container === undefined
        ? "Cannot enter the pod: none of its containers runs"
        : `Cannot enter container "${container}": it does not run`,
    );
  }
}

/** A program in a container, as a remote terminal or pipe sees it. What is not read stops the program sooner or later. */
export type ExecSession = {
  readonly stdout: ReadableStream<Uint8Array>;
  /** With a terminal, where both outputs are one, only what kept the program from starting. */
  readonly stderr: ReadableStream<Uint8Array>;
  /** Resolves when the program's side has room for more, also when nobody will read it any more. */
  readonly write: (bytes: Uint8Array) => Promise<void>;
  readonly closeInput: () => void;
  /** Does nothing without a terminal. */
  readonly resize: (columns: number, rows: number) => void;
  /** Ends the program at once, and what it has started in its process group. */
  readonly kill: () => void;
  /** 128 and the signal for the killed. */
  readonly exited: Promise<number>;
};

export type ExecRequest = {
  readonly uid: string;
  readonly container: string;
  readonly argv: readonly string[];
  readonly tty: boolean;
};

export class ContainerExec {
  readonly #tool: PodTool;
  readonly #containers: Containers;

  constructor(tool: PodTool, containers: Containers) {
    this.#tool = tool;
    this.#containers = containers;
  }

  /** Runs a program to its end. @throws NotRunningError */
  async run(uid: string, container: string, argv: readonly string[], signal: AbortSignal) {
    const { exitCode, stdout, stderr } = await this.#tool.finish(
      this.#args({ uid, container, argv, tty: false }),
      signal,
    );
    if (signal.aborted) return { exitCode: 124, output: `command timed out: ${argv.join(" ")}` };
    return { exitCode, output: `${stdout}${stderr}` };
  }

  /** Starts a program, with a terminal if asked. @throws NotRunningError */
  open(request: ExecRequest): ExecSession {
    return openSession(this.#tool, this.#args(request), request.tty);
  }

  /** The streams of a container itself; `tty` as its manifest has it. Killing the session leaves it running. @throws NotRunningError */
  attach(uid: string, container: string, tty: boolean): ExecSession {
    const socket = this.#containers.attachSocketOf(uid, container);
    if (socket === undefined) throw new NotRunningError(container);
    return openSession(this.#tool, ["attach", socket, ...(tty ? ["--tty"] : [])], tty);
  }

  /** A connection to a port inside the pod, at localhost there. @throws NotRunningError */
  dial(uid: string, port: number): ExecSession {
    // All containers are in the same network namespace.
    const [pid] = [...this.#containers.runs(uid).keys()].flatMap((each) => this.#containers.pidOf(uid, each) ?? []);
    if (pid === undefined) throw new NotRunningError();
    return openSession(this.#tool, ["dial", "--pid", String(pid), "localhost", String(port)], false);
  }

  #args({ uid, container, argv, tty }: ExecRequest): readonly string[] {
    const pid = this.#pid(uid, container);
    const cgroup = this.#containers.cgroupOf(uid, container);
    return ["exec", "--relay", "--pid", String(pid), "--cgroup", cgroup, ...(tty ? ["--tty"] : []), "--", ...argv];
  }

  #pid(uid: string, container: string): number {
    const pid = this.#containers.pidOf(uid, container);
    if (pid === undefined) throw new NotRunningError(container);
    return pid;
  }
}

/** Starts a role of the tool that takes input, and sizes if it has a terminal. */
export function openSession(tool: PodTool, args: readonly string[], terminal: boolean): ExecSession {
  const child = Bun.spawn([tool.executable, ...args], {
    stdio: ["pipe", "pipe", "pipe", terminal ? "pipe" : "ignore"],
    env: { PATH: containerPath, TERM: "xterm" },
  });
  const { stdin, stdout, stderr } = child;
  let [, , , sizes] = child.stdio;
  void child.exited.then(() => {
    // Bun closes only the streams that it reads and writes itself.
    if (typeof sizes === "number") closeSync(sizes);
    sizes = undefined;
  });
  return {
    stdout,
    stderr,
    write: async (bytes) => {
      try {
        await stdin.write(bytes);
        await stdin.flush();
      } catch {
        // A program that has closed its input, or has ended, is no failure of who writes.
      }
    },
    closeInput: () => void Promise.resolve(stdin.end()).catch(() => undefined),
    resize: (columns, rows) => {
      if (typeof sizes === "number") sendSize(sizes, columns, rows);
    },
    kill: () => child.kill("SIGTERM"),
    exited: child.exited,
  };
}

/** As pod/relay.h has it: two numbers in the machine's byte order. */
function sendSize(descriptor: number, columns: number, rows: number): void {
  try {
    writeSync(descriptor, new Uint8Array(Uint16Array.of(columns, rows).buffer));
  } catch {
    // The program has ended.
  }
}
