// `twill policy denials`: connections that policies refused of late, on this node or on all of a lab.

import type { DenialMessage, DenialsMessage } from "#api/messages.ts";
import { type AgentsFlags, askAgents } from "#cli/agent/ask-agents.ts";
import type { CommandIo } from "#cli/command.ts";
import { formatTable } from "#cli/table.ts";

/** `node`: who refused it, where several were asked. */
export type NodeDenial = DenialMessage & { readonly node?: string };

export async function runDenials({ flags }: { readonly flags: AgentsFlags }, io: CommandIo): Promise<number> {
  const { answers, isOne, exitCode } = await askAgents<DenialsMessage>(flags, "GET /v1/denials", io);
  const denials = answers
    .flatMap(({ where, answer }) => answer.denials.map((denial) => (isOne ? denial : { node: where, ...denial })))
    .sort((a, b) => a.secondsAgo - b.secondsAgo);
  if (flags.output === "json") io.stdout(`${JSON.stringify({ denials }, undefined, 2)}\n`);
  else io.stdout(denials.length === 0 ? "nothing was refused\n" : formatDenials(denials));
  return exitCode;
}

function formatDenials(denials: readonly NodeDenial[]): string {
  const hasNodes = denials.some(({ node }) => node !== undefined);
  const rows = denials.map((denial) => [
    ...(hasNodes ? [denial.node ?? ""] : []),
    `${denial.secondsAgo} s ago`,
    denial.sourceName ?? denial.source,
    denial.destinationName ?? denial.destination,
    trafficOf(denial),
    String(denial.packets),
    `${denial.direction}: ${denial.because.join(", ") || "a policy that is gone"}`,
  ]);
  return formatTable([[...(hasNodes ? ["NODE"] : []), "LAST", "FROM", "TO", "WHAT", "PACKETS", "BECAUSE"], ...rows]);
}

/** `tcp/80`; of ICMP `icmp/8.0`, its type and code. */
function trafficOf({ protocol, port }: DenialMessage): string {
  return protocol === "icmp" ? `icmp/${port >> 8}.${port & 0xff}` : `${protocol}/${port}`;
}
