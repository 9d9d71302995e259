// `twill status`: what the agent of this node has, and what is amiss.

import { askAgent } from "#api/client.ts";
import type { PeerMessage, StatusMessage } from "#api/messages.ts";
import type { CommandIo, OutputFormat } from "#cli/command.ts";
import { formatTable } from "#cli/table.ts";

export type ApiFlags = { readonly "api-socket": string; readonly output: OutputFormat };

/** Exit code 1: no pod can be wired now. */
export async function agentStatus({ flags }: { readonly flags: ApiFlags }, io: CommandIo): Promise<number> {
  const status = await askAgent<StatusMessage>(flags["api-socket"], "GET /v1/status");
  io.stdout(flags.output === "json" ? `${JSON.stringify(status, undefined, 2)}\n` : formatStatus(status));
  return status.ready ? 0 : 1;
}

export function formatStatus(status: StatusMessage): string {
  const { node, ready, addresses, blocks, fabric, programs, mtu, endpoints, peers, connections, problems } = status;
  const lines = [
    `node       ${node}, ${ready ? "ready" : "not ready"}`,
    `addresses  ${addresses.join(" ") || "none"}`,
    `blocks     ${blocks.join(" ") || "none"}`,
    `fabric     ${fabric}, packets of pods up to ${mtu} bytes`,
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
  const { connections, maxConnections, translations, maxTranslations } = found;
  return `${connections} of ${maxConnections} connections, ${translations} of ${maxTranslations} translations`;
}

function rowOf({ node, way, via, addresses, blocks }: PeerMessage): readonly string[] {
  return [node, via === null ? way : `${way} via ${via}`, addresses.join(" "), blocks.join(" ")];
}
