// `twill lab agent`: the agents of a lab's nodes come to an end, and are back.

import type { CommandIo } from "#cli/command.ts";
import { LabError, type LabSpec } from "#lab/spec.ts";
import { mend } from "#lab/world/lab.ts";
import { endAgent } from "#lab/world/nodes.ts";
import { type NodeCall, withNode } from "./node.ts";
import { awaitReady } from "./up.ts";

export async function agentKill(call: NodeCall, io: CommandIo): Promise<number> {
  return await withNode(call, io, async (host, places, spec, name) => {
    requireAgents(spec);
    await endAgent(places, name, true, host.sleep);
    return `the agent of "${name}" is dead`;
  });
}

/** The new one is this executable, whatever the old one was. */
export async function agentRestart(call: NodeCall, io: CommandIo): Promise<number> {
  return await withNode(call, io, async (host, places, spec, name) => {
    requireAgents(spec);
    await endAgent(places, name, false, host.sleep);
    await awaitReady(host, places, spec, await mend(host, places, spec));
    return `the agent of "${name}" is up again`;
  });
}

function requireAgents({ name, agents }: LabSpec): void {
  if (agents !== undefined) return;
  throw new LabError(`Cannot find agents in lab "${name}": start one without --plugins and --cni`);
}
