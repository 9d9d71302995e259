// `twill drops`: what the packet path of this node did with packets.

import { askAgent } from "#api/client.ts";
import type { DropsMessage } from "#api/messages.ts";
import type { CommandIo } from "#cli/command.ts";
import { formatTable } from "#cli/table.ts";
import type { ApiFlags } from "./status.ts";

export async function agentDrops({ flags }: { readonly flags: ApiFlags }, io: CommandIo): Promise<number> {
  const message = await askAgent<DropsMessage>(flags["api-socket"], "GET /v1/drops");
  if (flags.output === "json") io.stdout(`${JSON.stringify(message, undefined, 2)}\n`);
  else
    io.stdout(
      message.outcomes === null
        ? "the programs are not used: the kernel counts alone\n"
        : formatDrops(message.outcomes),
    );
  return 0;
}

function formatDrops(outcomes: Exclude<DropsMessage["outcomes"], null>): string {
  const rows = Object.entries(outcomes).map(([outcome, { packets, bytes }]) => [
    outcome,
    String(packets),
    String(bytes),
  ]);
  return formatTable([["OUTCOME", "PACKETS", "BYTES"], ...rows]);
}
