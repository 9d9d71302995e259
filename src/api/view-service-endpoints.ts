// A service's endpoints as its slices have them: pods, nodes, states, and where new connections go.

import { protocolNumbers } from "#agent/service/row.ts";
import type { EndpointSlice } from "#kube/kinds.ts";
import { protocolOf } from "#model/service/protocol.ts";
import type { ServicePort } from "#model/service/service.ts";
import { ipToBigint, parseIp } from "#net/ip.ts";
import type { ServiceEndpointMessage, ServiceMessage } from "./messages.ts";

type Endpoint = EndpointSlice["endpoints"][number];
type State = ServiceEndpointMessage["state"];

/** Protocol by protocol, in the order of their addresses. `connections` are by protocol's number and endpoint: `6 10.244.1.7 8080`. */
export function viewEndpoints(
  slices: readonly EndpointSlice[],
  ports: readonly Pick<ServicePort, "name" | "protocol">[],
  { backends }: Pick<ServiceMessage, "backends">,
  connections: ReadonlyMap<string, number>,
): readonly ServiceEndpointMessage[] {
  const asked = new Set(
    backends.map(({ protocol, address, port }) => `${protocolNumbers[protocol]} ${address} ${port}`),
  );
  const found = new Map<string, ServiceEndpointMessage>();
  for (const slice of slices) {
    for (const { name = "", protocol: word = "TCP", port } of slice.ports ?? []) {
      const protocol = protocolOf(word);
      const isServed = ports.some((each) => each.name === name && each.protocol === protocol);
      if (protocol === undefined || port === undefined || !isServed) continue;
      for (const endpoint of slice.endpoints ?? []) {
        const address = parseIp(endpoint.addresses[0] ?? "");
        if (address === undefined) continue;
        const key = `${protocolNumbers[protocol]} ${address} ${port}`;
        const known = found.get(key);
        const counted = { asked: asked.has(key), connections: connections.get(key) ?? 0 };
        found.set(key, {
          ...{ protocol, address, port, ...counted, ...ownerOf(slice, endpoint) },
          state: better(stateOf(endpoint), known?.state ?? "not ready"),
          slices: [...(known?.slices ?? []), slice.metadata.name],
        });
      }
    }
  }
  return [...found.values()].sort(byPlace);
}

function byPlace(a: ServiceEndpointMessage, b: ServiceEndpointMessage): number {
  const protocols = protocolNumbers[a.protocol] - protocolNumbers[b.protocol];
  return protocols || Number(ipToBigint(a.address) - ipToBigint(b.address)) || a.port - b.port;
}

function ownerOf({ metadata }: EndpointSlice, { targetRef, nodeName }: Endpoint) {
  const { kind, name, namespace = metadata.namespace } = targetRef ?? {};
  return { pod: kind === "Pod" ? `${namespace}/${name}` : null, node: nodeName ?? null };
}

/** What is not said means true of `ready` and `serving`, and false of `terminating` (EndpointSlice conditions). */
function stateOf({ conditions: { ready = true, serving = true, terminating = false } = {} }: Endpoint): State {
  if (ready) return "ready";
  return serving && terminating ? "ending" : "not ready";
}

const order: readonly State[] = ["ready", "ending", "not ready"];

function better(a: State, b: State): State {
  return order.indexOf(a) < order.indexOf(b) ? a : b;
}
