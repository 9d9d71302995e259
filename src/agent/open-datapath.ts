// The packet path of this node, opened as its configuration has it.

import { release, totalmem } from "node:os";
import { messageOf } from "#base/error-message.ts";
import { Datapath } from "#datapath/datapath.ts";
import { preparePins } from "#datapath/pins.ts";
import { isErrno } from "#kernel/errno.ts";
import type { AgentConfig } from "./config/config.ts";
import { mapSizes } from "./map-sizes.ts";

/** Where the node's maps are pinned. @throws KernelError */
export function pinsOf({ programs }: AgentConfig, nodeName: string): string {
  return preparePins(programs.folder, `twill-${nodeName}`);
}

/** @throws Error that says what is needed, and how to do without */
export function openDatapath(config: AgentConfig, nodeName: string, log: (line: string) => void): Datapath {
  const { ingressBlock, egressBlock } = config.programs;
  const kernelTranslates = !config.services.enabled;
  try {
    const pins = pinsOf(config, nodeName);
    const sizes = mapSizes(totalmem(), config.programs.maxConnections);
    return new Datapath({ pins, kernelTranslates, sizes, blocks: { ingress: ingressBlock, egress: egressBlock }, log });
  } catch (cause) {
    const problem = messageOf(cause);
    const advice = "to do without them, set programs.enabled to false";
    throw new Error(
      `Cannot use the packet path's programs on Linux ${release()}: ${problem}; ${needsOf(cause)}; ${advice}`,
      { cause },
    );
  }
}

function needsOf(cause: unknown): string {
  // An agent has the rights that the kernel asks for, as far as it could see.
  if (isErrno(cause, "EPERM", "EACCES"))
    return "the system refuses it to this process: a seccomp profile, a user namespace, or the kernel's lockdown";
  if (isErrno(cause, "ENOSYS")) return "this kernel, or a seccomp profile, has no system call bpf";
  return "they need Linux 6.1 and a bpf file system";
}
