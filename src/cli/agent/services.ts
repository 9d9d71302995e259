// `twill services`: what this node, or each node of a lab, serves of the cluster's services.

import type { ServiceFrontendMessage, ServiceMessage, ServicesMessage } from "#api/messages.ts";
import type { CommandIo } from "#cli/command.ts";
import { formatTable } from "#cli/table.ts";
import { formatPlace } from "#model/service/frontend.ts";
import { type AgentsFlags, answersAsJson, askAgents } from "./ask-agents.ts";

type ServicesCall = {
  readonly args: { readonly name: string | undefined };
  readonly flags: AgentsFlags & { readonly names: boolean };
};

export async function agentServices({ args, flags }: ServicesCall, io: CommandIo): Promise<number> {
  const query = args.name === undefined ? "" : `?${new URLSearchParams({ name: args.name }).toString()}`;
  const found = await askAgents<ServicesMessage>(flags, `GET /v1/services${query}`, io);
  const { answers, isOne, exitCode } = found;
  if (flags.names) {
    const names = new Set(answers.flatMap(({ answer }) => (answer.services ?? []).map(({ name }) => name)));
    io.stdout([...names].map((name) => `${name}\n`).join(""));
  } else if (flags.output === "json") io.stdout(answersAsJson(found));
  else {
    const texts = answers.map(({ where, answer }) => {
      const text = formatServices(answer, args.name !== undefined);
      return isOne ? text : `${where}:\n${text}`;
    });
    io.stdout(texts.join("\n"));
  }
  return exitCode;
}

/** A line for each place where a service is reached; `whole`: its endpoints as well. */
export function formatServices({ services }: ServicesMessage, whole: boolean): string {
  if (services === null) return "this node leaves services to others: services.enabled is false\n";
  if (services.length === 0) return "there are no services\n";
  const rows = services.flatMap((service) => service.frontends.map((frontend) => frontendRow(service, frontend)));
  const table = formatTable([["SERVICE", "KIND", "REACHED AT", "INSIDE", "OUTSIDE", "NOTES"], ...rows]);
  const problems = services.flatMap(({ problems: each }) => each).map((problem) => `problem    ${problem}\n`);
  return [table, ...(whole ? services.map(formatEndpoints) : []), ...problems].join("");
}

function frontendRow({ name }: ServiceMessage, frontend: ServiceFrontendMessage): readonly string[] {
  const { kind, protocol, address, port, inside, outside, balance, affinitySeconds, sourceRanges, served } = frontend;
  const notes = [
    ...(served ? [] : ["not served"]),
    ...(balance === "maglev" ? ["maglev"] : []),
    ...(affinitySeconds === null ? [] : [`clients stay ${affinitySeconds} s`]),
    ...(frontend.keepsSource ? ["sees clients"] : []),
    ...(frontend.directReturn ? ["returns directly"] : []),
    ...(frontend.announced === null ? [] : [`announced by ${frontend.announced.by ?? "no node"}`]),
    ...(sourceRanges === null ? [] : [`only for ${sourceRanges.join(" ") || "nobody"}`]),
  ];
  return [name, kind, `${protocol} ${formatPlace(address, port)}`, String(inside), String(outside), notes.join(", ")];
}

function formatEndpoints(service: ServiceMessage): string {
  const { endpoints, connections } = service;
  // Ports of the host are in no slice.
  if (endpoints === null || (endpoints.length === 0 && service.backends.length > 0)) return formatBackends(service);
  if (endpoints.length === 0) return "\nno slice has an endpoint for it\n";
  const rows = endpoints.map(({ protocol, address, port, pod, node, state, asked, slices, connections: own }) => [
    `${protocol} ${formatPlace(address, port)}`,
    pod ?? "-",
    node ?? "-",
    state,
    asked ? "yes" : "no",
    String(own),
    slices.join(" "),
  ]);
  const head = ["ENDPOINT", "POD", "NODE", "STATE", "ASKED FROM HERE", "CONNECTIONS", "SLICES"];
  return `\n${formatTable([head, ...rows])}${connections} tracked connections came through it\n`;
}

function formatBackends({ backends, connections }: ServiceMessage): string {
  if (backends.length === 0) return "\nnobody answers\n";
  const rows = backends.map(({ protocol, address, port, local, connections: own }) => [
    `${protocol} ${formatPlace(address, port)}`,
    local ? "this node" : "another node",
    String(own),
  ]);
  return `\n${formatTable([["ENDPOINT", "ON", "CONNECTIONS"], ...rows])}${connections} tracked connections came through it\n`;
}
