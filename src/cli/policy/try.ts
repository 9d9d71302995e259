// `twill policy try`: what applying files would change, and which connections it would cut.

import { existsSync } from "node:fs";
import { askAgent } from "#api/client.ts";
import type { ConnectionMessage, ConnectionsMessage } from "#api/messages.ts";
import { type CommandIo, UsageError } from "#cli/command.ts";
import { formatTable } from "#cli/table.ts";
import type { KubeObject } from "#kube/object.ts";
import { evaluate, type Verdict } from "#model/policy/evaluate.ts";
import { formatRule } from "#model/policy/explain.ts";
import { type Cell, changedCells, matrixOf } from "#model/policy/matrix.ts";
import { formatParty } from "#model/policy/party.ts";
import { formatOrigin } from "#model/policy/rule.ts";
import { partyAt, type World, worldOf } from "#model/policy/world.ts";
import { type FileCall, readFiles, readSource } from "./source.ts";

type TryCall = {
  readonly flags: FileCall["flags"] & { readonly "api-socket": string | undefined; readonly last: number };
};

const usualSocket = "/run/twill/agent.sock";

/** A connection that was seen, and that the new policies do not allow. */
type Cut = {
  readonly from: string;
  readonly to: string;
  readonly protocol: ConnectionMessage["protocol"];
  readonly port: number;
  /** How many of these were seen. */
  readonly connections: number;
  readonly by: string;
};

/** 0 when nothing would change, 1 when something would. */
export async function runTry({ flags }: TryCall, io: CommandIo): Promise<number> {
  if (flags.file.length === 0) throw new UsageError("what is to be tried? -f FILE names it");
  const { objects } = await readSource(flags, io);
  const added = readFiles(flags.file);
  const replaced = new Set(added.map(identityOf));
  const before = worldOf(objects);
  const after = worldOf([...objects.filter((object) => !replaced.has(identityOf(object))), ...added]);
  const apart = [...before.policies, ...after.policies];
  const changes = changedCells(matrixOf(before, apart), matrixOf(after, apart));
  const socket = socketOf(flags);
  const cuts = socket === undefined ? undefined : cutsOf(before, after, await connectionsOf(socket, flags.last));
  if (flags.output === "json")
    io.stdout(`${JSON.stringify({ changes, ...(cuts === undefined ? {} : { cuts }) }, null, 2)}\n`);
  else io.stdout(`${formatChanges(changes)}${cuts === undefined ? "" : `\n${formatCuts(cuts, flags.last)}`}`);
  return changes.length === 0 && (cuts ?? []).length === 0 ? 0 : 1;
}

/** Of the agent beside which the command runs; manifests are of no node. */
function socketOf(flags: TryCall["flags"]): string | undefined {
  if (flags["api-socket"] !== undefined) return flags["api-socket"];
  return flags.manifests.length === 0 && existsSync(usualSocket) ? usualSocket : undefined;
}

function identityOf({ apiVersion, kind, metadata }: KubeObject): string {
  const [group] = apiVersion.split("/");
  return `${group} ${kind} ${metadata.namespace ?? "default"}/${metadata.name}`;
}

/** @throws AgentApiError */
async function connectionsOf(socket: string, seconds: number): Promise<readonly ConnectionMessage[]> {
  const { connections } = await askAgent<ConnectionsMessage>(socket, `GET /v1/connections?seconds=${seconds}`);
  if (connections === null)
    throw new UsageError("the agent has no programs in the packet path, so it has seen no connections");
  return connections;
}

/** A connection keeps the policies of its beginning in mind: only what was allowed can be cut. */
function cutsOf(before: World, after: World, connections: readonly ConnectionMessage[]): readonly Cut[] {
  const cuts = new Map<string, Cut>();
  for (const { protocol, from, to } of connections) {
    const source = partyAt(before, from.address);
    const target = partyAt(before, to.address);
    const traffic = { protocol, port: protocol === "icmp" ? undefined : to.port };
    if (!evaluate(before.policies, source, target, traffic).allowed) continue;
    const now = evaluate(after.policies, source, target, traffic);
    if (now.allowed) continue;
    const ends = { from: formatParty(source), to: formatParty(target), protocol, port: to.port };
    const key = JSON.stringify(ends);
    const by = [now.egress, now.ingress].flatMap((end) => (end?.allowed === false ? reasonOf(end) : [])).join(", ");
    cuts.set(key, { ...ends, connections: (cuts.get(key)?.connections ?? 0) + 1, by });
  }
  return [...cuts.values()];
}

function reasonOf({ decidedBy, isolatedBy }: Verdict): readonly string[] {
  return decidedBy === undefined ? isolatedBy.map(({ origin }) => formatOrigin(origin)) : [formatRule(decidedBy.rule)];
}

function formatChanges(changes: readonly Cell[]): string {
  if (changes.length === 0) return "nothing would change\n";
  return formatTable(
    changes.map(({ allowed, from, to, traffic }) => [allowed ? "gains" : "loses", from, "→", `${to}:${traffic}`]),
  );
}

function formatCuts(cuts: readonly Cut[], seconds: number): string {
  if (cuts.length === 0) return `no connection of the last ${seconds} s on this node would be cut\n`;
  const rows = cuts.map(({ from, to, protocol, port, connections, by }) => [
    `${connections} ×`,
    from,
    "→",
    protocol === "icmp" ? `${to}:icmp` : `${to}:${protocol}/${port}`,
    by,
  ]);
  return `connections of the last ${seconds} s on this node that would be cut:\n${formatTable(rows)}`;
}
