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
  const columns = [...(hasNodes ? ["NODE"] : []), "LAST", "FROM", "TO", "WHAT", "PACKETS", "BECAUSE"];
  // One pod has addresses of several families, which have the same name.
  const groups = Map.groupBy(denials, (denial) => JSON.stringify([denial.node, ...partsOf(denial)]));
  const rows = [...groups.values()].flatMap((group) => {
    const [latest] = group;
    if (latest === undefined) return [];
    const [from, to, what, because] = partsOf(latest);
    const packets = group.reduce((sum, each) => sum + each.packets, 0);
    const node = hasNodes ? [latest.node ?? ""] : [];
    return [[...node, `${latest.secondsAgo} s ago`, from, to, what, String(packets), because]];
  });
  return formatTable([columns, ...rows]);
}

function partsOf(denial: NodeDenial): readonly [from: string, to: string, what: string, because: string] {
  return [
    denial.sourceName ?? denial.source,
    denial.destinationName ?? denial.destination,
    trafficOf(denial),
    `${denial.direction}: ${denial.because.join(", ") || "a policy that is gone"}`,
  ];
}

/** `tcp/80`; of ICMP `icmp/8.0`, its type and code. */
function trafficOf({ protocol, port }: DenialMessage): string {
  return protocol === "icmp" ? `icmp/${port >> 8}.${port & 0xff}` : `${protocol}/${port}`;
}
