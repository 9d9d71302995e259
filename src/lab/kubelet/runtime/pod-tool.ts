// Starting dist/twill-pod, which starts, enters and watches containers.

/** A failed call of the tool; the message is the tool's own sentence. */
export class PodToolError extends Error {
  readonly code = "POD_TOOL";
}

/** A process of the tool that runs, with its standard streams. */
export type ToolProcess = Bun.Subprocess<"pipe" | "ignore", "pipe", "pipe">;

export class PodTool {
  readonly executable: string;

  constructor(executable: string) {
    this.executable = executable;
  }

  /** Runs a role to its end and returns what it printed. @throws PodToolError */
  async call(args: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.finish(args);
    if (exitCode !== 0) throw new PodToolError(stderr.trim() || `${this.executable} ${args[0]} ended with ${exitCode}`);
    return stdout;
  }

  /** Runs a role to its end, whatever its exit code; the signal kills it. */
  async finish(args: readonly string[], signal?: AbortSignal) {
    const child = this.start(args, { stdin: "ignore", ...(signal === undefined ? {} : { signal }) });
    const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    return { exitCode: await child.exited, stdout, stderr };
  }

  /** Starts a role. */
  start(
    args: readonly string[],
    options: { readonly stdin: "pipe" | "ignore"; readonly signal?: AbortSignal },
  ): ToolProcess {
    return Bun.spawn([this.executable, ...args], {
      ...options,
      stdout: "pipe",
      stderr: "pipe",
      env: { PATH: containerPath, TERM: "xterm" },
    });
  }
}

/** Where programs of containers are looked for, as images have it. */
export const containerPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
