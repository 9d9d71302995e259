// `twill lab node`: nodes that come and go.

import type { CommandIo } from "#cli/command.ts";
import { hasReason } from "#kube/kube-error.ts";
import { nodes } from "#kube/resource.ts";
import { checkNodeName, freeNumber, LabError, type LabSpec, maxNodes, nodeOf } from "#lab/spec.ts";
import { applyWires, type LabHost, mend } from "#lab/world/lab.ts";
import { checkMemory } from "#lab/world/memory.ts";
import { crashNode, removeNode, stopNode } from "#lab/world/nodes.ts";
import type { Places } from "#lab/world/places.ts";
import { adminClient } from "#lab/world/ready.ts";
import { writeState } from "#lab/world/state.ts";
import { formatSeconds, lockUp, openHost } from "./lab-host.ts";
import { awaitReady } from "./up.ts";

export type NodeCall<Name extends string | undefined = string> = {
  readonly args: { readonly node: Name };
  readonly flags: { readonly lab: string | undefined };
};

export async function nodeAdd({ args: { node }, flags }: NodeCall<string | undefined>, io: CommandIo): Promise<number> {
  return await withLab(flags.lab, io, async (host, places, spec) => {
    const number = freeNumber(spec.nodes);
    const name = checkNodeName(node ?? `node${number}`);
    if (spec.nodes.some((each) => each.name === name)) {
      throw new LabError(`Cannot add node "${name}": lab "${spec.name}" has one of that name; choose another`);
    }
    if (spec.nodes.length >= maxNodes) throw new LabError(`Cannot have more than ${maxNodes} nodes in one lab`);
    checkMemory(1, false);
    const next = { ...spec, nodes: [...spec.nodes, { name, number, running: true }] };
    await awaitReady(host, places, next, await mend(host, places, next));
    return `node "${name}" is up`;
  });
}

export async function nodeRemove(call: NodeCall, io: CommandIo): Promise<number> {
  return await withNode(call, io, async (host, places, spec, name) => {
    // As long as it is still wanted, up brings it back if the API cannot be told.
    await crashNode(places, spec, name, host.sleep);
    await forgetNode(places, name);
    await removeNode(places, spec, name, host.sleep);
    const rest = spec.nodes.filter((each) => each.name !== name);
    const wires = spec.wires.filter(({ between }) => !between.includes(name));
    await applyWires(host, places, { ...spec, nodes: rest, wires });
    return `node "${name}" is gone`;
  });
}

export async function nodeStop(call: NodeCall, io: CommandIo): Promise<number> {
  return await withNode(call, io, async (host, places, spec, name) => {
    writeState(places, withRunning(spec, name, false));
    await stopNode(places, spec, name, host.sleep);
    return `node "${name}" is stopped`;
  });
}

export async function nodeCrash(call: NodeCall, io: CommandIo): Promise<number> {
  return await withNode(call, io, async (host, places, spec, name) => {
    writeState(places, withRunning(spec, name, false));
    await crashNode(places, spec, name, host.sleep);
    return `node "${name}" has crashed`;
  });
}

export async function nodeStart(call: NodeCall, io: CommandIo): Promise<number> {
  return await withNode(call, io, async (host, places, spec, name) => {
    const next = withRunning(spec, name, true);
    await awaitReady(host, places, next, await mend(host, places, next));
    return `node "${name}" is up`;
  });
}

function withRunning(spec: LabSpec, name: string, running: boolean): LabSpec {
  return { ...spec, nodes: spec.nodes.map((node) => (node.name === name ? { ...node, running } : node)) };
}

/** Runs a change of a node that the lab has; prints the sentence that it returns. @throws LabError when there is no such node */
export async function withNode(
  { args: { node }, flags }: NodeCall,
  io: CommandIo,
  run: (host: LabHost, places: Places, spec: LabSpec, name: string) => Promise<string>,
): Promise<number> {
  return await withLab(flags.lab, io, (host, places, spec) => run(host, places, spec, nodeOf(spec, node).name));
}

/** Runs a change of a lab that is up; prints the sentence that it returns. */
async function withLab(
  lab: string | undefined,
  io: CommandIo,
  run: (host: LabHost, places: Places, spec: LabSpec) => Promise<string>,
): Promise<number> {
  const host = openHost(io);
  const { places, spec, lock } = await lockUp(host, lab, io);
  using _ = lock;
  const startMs = host.nowMs();
  const sentence = await run(host, places, spec);
  io.stdout(`${sentence} (${formatSeconds(host.nowMs() - startMs)})\n`);
  return 0;
}

/** Takes the Node out of the API; that it never came there is no error. */
async function forgetNode(places: Places, name: string): Promise<void> {
  try {
    await adminClient(places).remove(nodes, { name });
  } catch (error) {
    if (!hasReason(error, "NotFound")) throw error;
  }
}
