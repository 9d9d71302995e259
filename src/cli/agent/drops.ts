// `twill drops`: what the packet path of this node, or of each node of a lab, did with packets.

import type { DropsMessage } from "#api/messages.ts";
import type { CommandIo } from "#cli/command.ts";
import { type AgentsFlags, answersAsJson, askAgents, formatAnswers } from "./ask-agents.ts";

/** Outcomes that no packet had are for programs only. */
export async function agentDrops({ flags }: { readonly flags: AgentsFlags }, io: CommandIo): Promise<number> {
  const found = await askAgents<DropsMessage>(flags, "GET /v1/drops", io);
  const { answers } = found;
  if (flags.output === "json") io.stdout(answersAsJson(found));
  else if (answers.every(({ answer }) => answer.outcomes === null))
    io.stdout("the programs are not used: the kernel counts alone\n");
  else if (answers.every(({ answer }) => rowsOf(answer).length === 0)) io.stdout("no packet has come by yet\n");
  else io.stdout(formatAnswers(found, ["OUTCOME", "PACKETS", "BYTES"], rowsOf));
  return found.exitCode;
}

function rowsOf({ outcomes }: DropsMessage): readonly (readonly string[])[] {
  return Object.entries(outcomes ?? {})
    .filter(([, { packets }]) => packets > 0)
    .map(([outcome, { packets, bytes }]) => [outcome, String(packets), String(bytes)]);
}
