// `twill drops`: what the packet path of this node, or of each node of a lab, did with packets.

import type { DropsMessage } from "#api/messages.ts";
import type { CommandIo } from "#cli/command.ts";
import { formatTable } from "#cli/table.ts";
import { type AgentsFlags, askAgents } from "./ask-agents.ts";

export async function agentDrops({ flags }: { readonly flags: AgentsFlags }, io: CommandIo): Promise<number> {
  const { answers, isOne, exitCode } = await askAgents<DropsMessage>(flags, "GET /v1/drops", io);
  const [first] = answers;
  if (flags.output === "json") {
    const message = isOne ? first?.answer : answers.map(({ where, answer }) => ({ node: where, ...answer }));
    io.stdout(`${JSON.stringify(message, undefined, 2)}\n`);
  } else if (answers.every(({ answer }) => answer.outcomes === null))
    io.stdout("the programs are not used: the kernel counts alone\n");
  else io.stdout(formatDrops(answers, isOne));
  return exitCode;
}

function formatDrops(
  answers: readonly { readonly where: string; readonly answer: DropsMessage }[],
  isOne: boolean,
): string {
  const heading = [...(isOne ? [] : ["NODE"]), "OUTCOME", "PACKETS", "BYTES"];
  const rows = answers.flatMap(({ where, answer }) =>
    Object.entries(answer.outcomes ?? {}).map(([outcome, { packets, bytes }]) => [
      ...(isOne ? [] : [where]),
      outcome,
      String(packets),
      String(bytes),
    ]),
  );
  return formatTable([heading, ...rows]);
}
