// `twill policy denials`: connections that policies refused on this node of late.

import { askAgent } from "#api/client.ts";
import type { DenialMessage, DenialsMessage } from "#api/messages.ts";
import type { CommandIo, OutputFormat } from "#cli/command.ts";
import { formatTable } from "#cli/table.ts";

type DenialsCall = { readonly flags: { readonly "api-socket": string; readonly output: OutputFormat } };

export async function runDenials({ flags }: DenialsCall, io: CommandIo): Promise<number> {
  const { denials } = await askAgent<DenialsMessage>(flags["api-socket"], "GET /v1/denials");
  if (flags.output === "json") io.stdout(`${JSON.stringify({ denials }, undefined, 2)}\n`);
  else io.stdout(denials.length === 0 ? "nothing was refused\n" : formatDenials(denials));
  return 0;
}

export function formatDenials(denials: readonly DenialMessage[]): string {
  const rows = denials.map((denial) => [
    `${denial.secondsAgo} s ago`,
    denial.sourceName ?? denial.source,
    denial.destinationName ?? denial.destination,
    trafficOf(denial),
    String(denial.packets),
    `${denial.direction}: ${denial.because.join(", ") || "a policy that is gone"}`,
  ]);
  return formatTable([["LAST", "FROM", "TO", "WHAT", "PACKETS", "BECAUSE"], ...rows]);
}

/** `tcp/80`; of ICMP `icmp/8.0`, its type and code. */
function trafficOf({ protocol, port }: DenialMessage): string {
  return protocol === "icmp" ? `icmp/${port >> 8}.${port & 0xff}` : `${protocol}/${port}`;
}
