// `twill endpoints`: the pods' interfaces on this node, or on the nodes of a lab.

import type { EndpointMessage } from "#api/messages.ts";
import type { CommandIo } from "#cli/command.ts";
import { type AgentsFlags, type Answers, answersAsJson, askAgents, formatAnswers } from "./ask-agents.ts";

type Endpoints = readonly EndpointMessage[];

export async function agentEndpoints({ flags }: { readonly flags: AgentsFlags }, io: CommandIo): Promise<number> {
  const found = await askAgents<Endpoints>(flags, "GET /v1/endpoints", io);
  if (flags.output === "json") io.stdout(toJson(found));
  else if (found.answers.every(({ answer }) => answer.length === 0))
    io.stdout("there are no pods with an interface here\n");
  else io.stdout(formatAnswers(found, ["ID", "POD", "INTERFACE", "ADDRESSES", "LINK", "STATE"], rowsOf));
  return found.exitCode;
}

/** Of one agent the list itself. */
function toJson({ answers, isOne }: Answers<Endpoints>): string {
  if (isOne) return answersAsJson({ answers, isOne });
  return answersAsJson({ answers: answers.map((each) => ({ ...each, answer: { endpoints: each.answer } })), isOne });
}

function rowsOf(endpoints: Endpoints): readonly (readonly string[])[] {
  return endpoints.map(({ id, pod, containerId, ifname, addresses, link, state }) => [
    String(id),
    pod ?? containerId.slice(0, 12),
    ifname,
    addresses.join(" "),
    link,
    state,
  ]);
}
