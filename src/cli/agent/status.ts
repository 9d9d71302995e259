// `twill status`: what the agent of this node, or of each node of a lab, has and what is amiss.

import type { PeerMessage, StatusMessage } from "#api/messages.ts";
import type { CommandIo } from "#cli/command.ts";
import { formatTable } from "#cli/table.ts";
import { type AgentsFlags, answersAsJson, askAgents } from "./ask-agents.ts";

/** Exit code 1: on one of the nodes no pod can be wired now. */
export async function agentStatus({ flags }: { readonly flags: AgentsFlags }, io: CommandIo): Promise<number> {
  const found = await askAgents<StatusMessage>(flags, "GET /v1/status", io);
  const all = found.answers.map(({ answer }) => answer);
  io.stdout(flags.output === "json" ? answersAsJson(found) : all.map(formatStatus).join("\n"));
  return all.every(({ ready }) => ready) ? found.exitCode : 1;
}

export function formatStatus(status: StatusMessage): string {
  const { node, ready, addresses, blocks, fabric, programs, mtu, endpoints, peers, connections, problems } = status;
  const isMended = status.tunnelChecksums === "kernel";
  const lines = [
    `node       ${node}, ${ready ? "ready" : "not ready"}`,
    `addresses  ${addresses.join(" ") || "none"}`,
    `blocks     ${blocks.join(" ") || "none"}`,
    `fabric     ${fabric}, packets of pods up to ${mtu} bytes`,
    ...(isMended ? ["checksums  in the tunnel made by the kernel: the node's devices make them wrong"] : []),
    `programs   ${programs ? "in their places" : "not used"}`,
    `endpoints  ${endpoints}`,
    ...(connections === null ? [] : [`tracked    ${formatTracked(connections)}`]),
    ...problems.map((problem) => `problem    ${problem}`),
  ];
  const table =
    peers.length === 0 ? "" : `\n${formatTable([["PEER", "WAY", "ADDRESSES", "BLOCKS"], ...peers.map(rowOf)])}`;
  return `${lines.join("\n")}\n${table}`;
}

function formatTracked(found: Exclude<StatusMessage["connections"], null>): string {
  const { connections, maxConnections, translations, maxTranslations, ports, maxPorts } = found;
  const used = ports === 0 ? "" : `, ${ports} of ${maxPorts} ports toward one endpoint`;
  return `${connections} of ${maxConnections} connections, ${translations} of ${maxTranslations} translations${used}`;
}

function rowOf({ node, way, via, addresses, blocks }: PeerMessage): readonly string[] {
  return [node, via === null ? way : `${way} via ${via}`, addresses.join(" "), blocks.join(" ")];
}
