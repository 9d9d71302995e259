// `twill endpoints`: the pods' interfaces on this node.

import { askAgent } from "#api/client.ts";
import type { EndpointMessage } from "#api/messages.ts";
import type { CommandIo } from "#cli/command.ts";
import { formatTable } from "#cli/table.ts";
import type { ApiFlags } from "./status.ts";

export async function agentEndpoints({ flags }: { readonly flags: ApiFlags }, io: CommandIo): Promise<number> {
  const endpoints = await askAgent<readonly EndpointMessage[]>(flags["api-socket"], "GET /v1/endpoints");
  if (flags.output === "json") io.stdout(`${JSON.stringify(endpoints, undefined, 2)}\n`);
  else io.stdout(endpoints.length === 0 ? "there are no pods with an interface here\n" : formatEndpoints(endpoints));
  return 0;
}

function formatEndpoints(endpoints: readonly EndpointMessage[]): string {
  const rows = endpoints.map(({ id, pod, containerId, ifname, addresses, link, state }) => [
    String(id),
    pod ?? containerId.slice(0, 12),
    ifname,
    addresses.join(" "),
    link,
    state,
  ]);
  return formatTable([["ID", "POD", "INTERFACE", "ADDRESSES", "LINK", "STATE"], ...rows]);
}
