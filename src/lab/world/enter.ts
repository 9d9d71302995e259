// Runs a program beside a process of the lab, with this process's own terminal.

/** The shell that people like better, where there is one. */
const shell = ["/bin/sh", "-c", "command -v bash >/dev/null && exec bash -i || exec sh -i"] as const;

/**
 * Without a command a shell. It belongs to `cgroup`, and ends with what else is in there. `path` is where its programs are looked
 * for, the process's own unless given. Returns the exit code.
 */
export async function enter(
  pod: string,
  { pid, cgroup }: { readonly pid: number; readonly cgroup: string },
  command: readonly string[],
  path?: string,
): Promise<number> {
  const terminal = process.stdin.isTTY ? ["--tty"] : [];
  const argv = command.length === 0 ? shell : command;
  const env = path === undefined ? [] : ["--env", `PATH=${path}`];
  const child = Bun.spawn([pod, "exec", "--pid", String(pid), "--cgroup", cgroup, ...terminal, ...env, "--", ...argv], {
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
  });
  // What the terminal sends is for the program, which has it, too.
  const ignore = () => {};
  for (const signal of ["SIGINT", "SIGQUIT"] as const) process.on(signal, ignore);
  try {
    return await child.exited;
  } finally {
    for (const signal of ["SIGINT", "SIGQUIT"] as const) process.off(signal, ignore);
  }
}
