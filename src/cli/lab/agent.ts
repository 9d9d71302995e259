// `twill lab agent`: the agents of a lab's nodes come to an end, and are back.

import { resolve } from "node:path";
import type { CommandIo } from "#cli/command.ts";
import { LabError, type LabSpec, type NodeSpec } from "#lab/spec.ts";
import { requireTwill } from "#lab/world/executable.ts";
import { mend } from "#lab/world/lab.ts";
import { endAgent } from "#lab/world/nodes.ts";
import { writeState } from "#lab/world/state.ts";
import { type NodeCall, withNode } from "./node.ts";
import { awaitReady } from "./up.ts";

export async function agentKill(call: NodeCall, io: CommandIo): Promise<number> {
  return await withNode(call, io, async (host, places, spec, name) => {
    requireAgents(spec);
    await endAgent(places, name, true, host.sleep);
    return `the agent of "${name}" is dead`;
  });
}

export async function agentRestart(call: NodeCall, io: CommandIo): Promise<number> {
  return await withNode(call, io, async (host, places, spec, name) => {
    requireAgents(spec);
    await endAgent(places, name, false, host.sleep);
    await awaitReady(host, places, spec, await mend(host, places, spec));
    return `the agent of "${name}" is up again`;
  });
}

type UpgradeCall = {
  readonly args: { readonly node: string; readonly executable: string | undefined };
  readonly flags: { readonly lab: string | undefined };
};

/** The node keeps the executable, whatever starts its agent from then on. */
export async function agentUpgrade({ args: { node, executable }, flags }: UpgradeCall, io: CommandIo): Promise<number> {
  const agent = executable === undefined ? undefined : await requireTwill(resolve(executable));
  return await withNode({ args: { node }, flags }, io, async (host, places, spec, name) => {
    requireAgents(spec);
    const next = { ...spec, nodes: spec.nodes.map((each) => (each.name === name ? withAgent(each, agent) : each)) };
    // Ahead of the end of the old one: whatever mends the lab meanwhile starts the new one.
    writeState(places, next);
    await endAgent(places, name, false, host.sleep);
    await awaitReady(host, places, next, await mend(host, places, next));
    return `the agent of "${name}" is ${agent ?? host.installation.twill} now`;
  });
}

/** `agent` undefined: the lab's own. */
function withAgent({ name, number, running }: NodeSpec, agent: string | undefined): NodeSpec {
  return { name, number, running, ...(agent === undefined ? {} : { agent }) };
}

function requireAgents({ name, agents }: LabSpec): void {
  if (agents !== undefined) return;
  throw new LabError(`Cannot find agents in lab "${name}": start one without --plugins and --cni`);
}
