// `twill policy status`: on how many pods each policy is in force, on this node or on several.

import type { PoliciesMessage, PolicyMessage } from "#api/messages.ts";
import { type AgentsFlags, askAgents } from "#cli/agent/ask-agents.ts";
import type { CommandIo } from "#cli/command.ts";
import { formatTable } from "#cli/table.ts";

/** What a policy is on all nodes that were asked. */
export type PolicySummary = Omit<PolicyMessage, "since"> & {
  /** Nodes with pods that it is about. */
  readonly nodes: number;
  /** When the last node had it in force; null: one has not. */
  readonly since: string | null;
};

/** Exit code 1: a policy is not in force on every pod that it is about, or an agent does not answer. */
export async function runStatus({ flags }: { readonly flags: AgentsFlags }, io: CommandIo): Promise<number> {
  const { answers, exitCode } = await askAgents<PoliciesMessage>(flags, "GET /v1/policies", io);
  const messages = answers.map(({ answer }) => answer);
  const summaries = summarize(messages);
  if (flags.output === "json") io.stdout(`${JSON.stringify({ policies: summaries }, undefined, 2)}\n`);
  else {
    for (const { node } of messages.filter(({ policies }) => policies === null)) {
      io.stdout(`the agent of ${node} enforces no policies\n`);
    }
    io.stdout(summaries.length === 0 ? "there are no policies\n" : formatSummaries(summaries));
  }
  return summaries.every(({ pods, inForce }) => pods === inForce) ? exitCode : 1;
}

function summarize(messages: readonly PoliciesMessage[]): readonly PolicySummary[] {
  const all = messages.flatMap(({ policies }) => policies ?? []);
  return [...Map.groupBy(all, ({ policy }) => policy)].map(([policy, ofNodes]) => {
    const sum = (of: (each: PolicyMessage) => number) => ofNodes.reduce((total, each) => total + of(each), 0);
    const times = ofNodes.map(({ since }) => since).sort();
    return {
      policy,
      nodes: ofNodes.filter(({ pods }) => pods > 0).length,
      pods: sum(({ pods }) => pods),
      inForce: sum(({ inForce }) => inForce),
      generation: Math.min(...ofNodes.map(({ generation }) => generation)),
      since: times.includes(null) ? null : (times.at(-1) ?? null),
      keepsConnections: ofNodes.some(({ keepsConnections }) => keepsConnections),
      faults: [...new Set(ofNodes.flatMap(({ faults }) => faults))],
    };
  });
}

function formatSummaries(summaries: readonly PolicySummary[]): string {
  const rows = summaries.map(({ policy, pods, inForce, nodes, since, keepsConnections }) => [
    policy,
    pods === inForce ? String(pods) : `${inForce} of ${pods}`,
    String(nodes),
    since ?? "not yet",
    keepsConnections ? "kept" : "cut",
  ]);
  const table = formatTable([["POLICY", "PODS", "NODES", "SINCE", "CONNECTIONS"], ...rows]);
  const faults = summaries.flatMap((each) => each.faults.map((fault) => `${fault}\n`));
  return faults.length === 0 ? table : `${table}\n${faults.join("")}`;
}
