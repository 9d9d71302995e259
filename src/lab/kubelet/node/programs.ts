// Whether the node has a program that a container's command names.

import { accessSync, constants, statSync } from "node:fs";
import { join } from "node:path";
import { containerPath } from "#lab/kubelet/runtime/pod-tool.ts";

/** Its path; undefined when the node has no such program. A name without a slash is looked for where containers look. */
export function findProgram(program: string): string | undefined {
  const candidates = program.includes("/")
    ? [program]
    : containerPath.split(":").map((folder) => join(folder, program));
  return candidates.find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
