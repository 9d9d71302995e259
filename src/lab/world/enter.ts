// Runs a program beside a process of the lab, with this process's own terminal.

/** Without a command a shell. Returns its exit code. */
export async function enter(pod: string, pid: number, command: readonly string[]): Promise<number> {
  const child = Bun.spawn([pod, "enter", String(pid), ...(command.length === 0 ? [] : ["--", ...command])], {
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
