// Starts the lab's processes through twill-pod, which puts them into their control groups and namespaces.

import type { StationPath } from "#lab/fabric/station.ts";
import { LabError } from "#lab/spec.ts";

export type Launch = {
  readonly cgroup: string;
  /** Joins all namespaces of this process first. */
  readonly enter?: number;
  /** Further options of twill-pod, as the top of pod/twill-pod.c lists them. */
  readonly options?: readonly string[];
  readonly log?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly argv: readonly string[];
};

/** The host's environment is none of a cluster's: PATH and locale are all that a process of the lab gets. */
const bareEnvironment: Readonly<Record<string, string>> = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  HOME: "/root",
  LC_ALL: "C.UTF-8",
};

/**
 * Starts a process that outlives this one; resolves with its process id once it runs. `subject` names it in errors.
 * @throws LabError with twill-pod's sentence.
 */
export async function launch(pod: string, subject: string, what: Launch): Promise<number> {
  const { cgroup, enter, options = [], log, env = {}, argv } = what;
  const command = [
    ...[pod, "start", "--detach", "--cgroup", cgroup, "--clear-env"],
    ...Object.entries({ ...bareEnvironment, ...env }).flatMap(([name, value]) => ["--env", `${name}=${value}`]),
    ...(enter === undefined ? [] : ["--enter", `${enter}:net,mnt,uts`]),
    ...(log === undefined ? [] : ["--log", log]),
    ...options,
    "--",
    ...argv,
  ];
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "pipe", env: {} });
  const [output, problem, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  const pid = Number(output);
  if (exitCode === 0 && Number.isInteger(pid) && pid > 0) return pid;
  throw new LabError(`Cannot start ${subject}: ${problem.trim() || `twill-pod ended with ${exitCode}`}`);
}

/** The name of a station for people: `node1`, not `nodes/node1`. */
export function nameOfStation(path: StationPath): string {
  return path.replace(/^nodes\//, "");
}
