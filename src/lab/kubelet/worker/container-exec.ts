// Running programs inside containers, and reaching their ports: for probes and hooks, and for whoever streams.

import type { Containers } from "#lab/kubelet/runtime/containers.ts";
import type { PodTool } from "#lab/kubelet/runtime/pod-tool.ts";

/** A container that does not run cannot be entered. */
export class NotRunningError extends Error {
  readonly code = "NOT_RUNNING";

  constructor(container: string) {
    super(`Cannot enter container "${container}": it does not run`);
  }
}

/** A program in a container, as a remote terminal or pipe sees it. */
export type ExecSession = {
  readonly stdout: ReadableStream<Uint8Array>;
  /** Empty with a terminal, where both outputs are one. */
  readonly stderr: ReadableStream<Uint8Array>;
  readonly write: (bytes: Uint8Array) => void;
  readonly closeInput: () => void;
  /** Does nothing without a terminal. */
  readonly resize: (columns: number, rows: number) => void;
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
    const args = this.#args(request);
    return request.tty ? terminalSession(this.#tool, args) : pipeSession(this.#tool, args);
  }

  /** A connection to a port inside the pod, over 127.0.0.1 of its own. @throws NotRunningError */
  dial(uid: string, container: string, port: number): ExecSession {
    return pipeSession(this.#tool, ["dial", "--pid", String(this.#pid(uid, container)), "localhost", String(port)]);
  }

  #args({ uid, container, argv, tty }: ExecRequest): readonly string[] {
    const pid = this.#pid(uid, container);
    const cgroup = this.#containers.cgroupOf(uid, container);
    return ["exec", "--pid", String(pid), "--cgroup", cgroup, ...(tty ? ["--tty"] : []), "--", ...argv];
  }

  #pid(uid: string, container: string): number {
    const pid = this.#containers.pidOf(uid, container);
    if (pid === undefined) throw new NotRunningError(container);
    return pid;
  }
}

function pipeSession(tool: PodTool, args: readonly string[]): ExecSession {
  const child = tool.start(args, { stdin: "pipe" });
  const { stdin } = child;
  return {
    stdout: child.stdout,
    stderr: child.stderr,
    write: (bytes) => {
      if (stdin === undefined || typeof stdin === "number") return;
      stdin.write(bytes);
      void stdin.flush();
    },
    closeInput: () => {
      if (stdin !== undefined && typeof stdin !== "number") void stdin.end();
    },
    resize: () => {},
    kill: () => child.kill("SIGKILL"),
    exited: child.exited,
  };
}

const endOfInput = Uint8Array.of(4);

function terminalSession(tool: PodTool, args: readonly string[]): ExecSession {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const child = Bun.spawn([tool.executable, ...args], {
    env: { TERM: "xterm" },
    terminal: {
      cols: 80,
      rows: 24,
      data: (_terminal, bytes) => void writer.write(Uint8Array.from(bytes)).catch(() => undefined),
    },
  });
  const exited = child.exited.then(async (code) => {
    await Promise.resolve();
    await writer.close().catch(() => undefined);
    return code;
  });
  return {
    stdout: readable,
    stderr: new ReadableStream({ start: (controller) => controller.close() }),
    write: (bytes) => void child.terminal?.write(bytes),
    closeInput: () => void child.terminal?.write(endOfInput),
    resize: (columns, rows) => child.terminal?.resize(columns, rows),
    kill: () => child.kill("SIGKILL"),
    exited,
  };
}
