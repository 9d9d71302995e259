// `twill drops`: what the packet path of this node, or of each node of a lab, did with packets.

import type { DropsMessage } from "#api/messages.ts";
import type { CommandIo } from "#cli/command.ts";
import { type AgentsFlags, answersAsJson, askAgents, formatAnswers } from "./ask-agents.ts";

export async function agentDrops({ flags }: { readonly flags: AgentsFlags }, io: CommandIo): Promise<number> {
  const found = await askAgents<DropsMessage>(flags, "GET /v1/drops", io);
  if (flags.output === "json") io.stdout(answersAsJson(found));
  else if (found.answers.every(({ answer }) => answer.outcomes === null))
    io.stdout("the programs are not used: the kernel counts alone\n");
  else io.stdout(formatAnswers(found, ["OUTCOME", "PACKETS", "BYTES"], rowsOf));
  return found.exitCode;
}

function rowsOf({ outcomes }: DropsMessage): readonly (readonly string[])[] {
  return Object.entries(outcomes ?? {}).map(([outcome, { packets, bytes }]) => [
    outcome,
    String(packets),
    String(bytes),
  ]);
}
