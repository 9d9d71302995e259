// The command line that starts a container: `twill-pod run`.

import { join } from "node:path";
import type { Variable } from "#lab/kubelet/pod/environment.ts";
import type { Program } from "#lab/kubelet/pod/program.ts";
import type { InstanceKey } from "./instance.ts";
import { sandboxCgroup } from "./sandbox.ts";

/** A file or folder of the node that the container sees at `target`. */
export type Mount = { readonly source: string; readonly target: string; readonly readOnly: boolean };

/** Where a container that runs Twill's own executable has it. */
export const twillTarget = "/twill";

export type RunRequest = InstanceKey & {
  /** Process of the sandbox, whose namespaces are entered. */
  readonly sandboxPid: number;
  /** Where processes are: of the container alone, of the pod, of the node. */
  readonly processes: "own" | "pod" | "node";
  readonly program: Program;
  readonly env: readonly Variable[];
  readonly cwd: string | undefined;
  /** `UID[:GID...]` */
  readonly user: string | undefined;
  readonly mounts: readonly Mount[];
  /** What clients can type into it: nothing, text until they are gone or for good, a terminal. */
  readonly input: { readonly stdin: boolean; readonly stdinOnce: boolean; readonly tty: boolean };
};

export type RunPlace = {
  readonly cgroup: string;
  readonly logFile: string;
  readonly statusFile: string;
  readonly attachSocket: string;
};

export function runArgs(
  request: RunRequest,
  { cgroup, logFile, statusFile, attachSocket }: RunPlace,
): readonly string[] {
  const { uid, container, program, processes } = request;
  const pod = join(cgroup, uid);
  return [
    "run",
    "--detach",
    ...["--cgroup", join(pod, container), "--monitor-cgroup", join(pod, sandboxCgroup)],
    ...["--log", logFile, "--status", statusFile],
    ...["--attach", attachSocket, ...inputArgs(request.input)],
    ...["--enter", `${request.sandboxPid}:net,uts,ipc${processes === "pod" ? ",pid" : ""}`],
    ...["--new", processes === "own" ? "mnt,pid" : "mnt"],
    ...["--overlay", "/tmp", "--dev", "--mount", "proc:/proc", "--mount", "sysfs:/sys"],
    ...request.mounts.flatMap(({ source, target, readOnly }) => [
      "--bind",
      `${source}:${target}${readOnly ? ":ro" : ""}`,
    ]),
    ...(request.cwd === undefined ? [] : ["--cwd", request.cwd]),
    ...(request.user === undefined ? [] : ["--user", request.user]),
    "--clear-env",
    ...request.env.flatMap(([name, value]) => ["--env", `${name}=${value}`]),
    ...programArgs(program),
  ];
}

function programArgs(program: Program): readonly string[] {
  switch (program.kind) {
    case "command":
      return ["--", ...program.argv];
    case "twill":
      return ["--", twillTarget, ...program.args];
    case "standin":
      return ["--self", "--", ...program.args];
  }
}

function inputArgs({ stdin, stdinOnce, tty }: RunRequest["input"]): readonly string[] {
  return [...(stdin ? ["--stdin"] : []), ...(stdin && stdinOnce ? ["--stdin-once"] : []), ...(tty ? ["--tty"] : [])];
}
