// Which endpoints of a service take new connections, by what its slices say of them.

import type { EndpointSlice, Service } from "#kube/kinds.ts";
import { type Family, type Ip, parseIp } from "#net/ip.ts";

/** Where a connection can go. */
export type Target = {
  readonly address: Ip;
  readonly port: number;
  /** Whether the pod is on this node. */
  readonly local: boolean;
};

type ServicePort = NonNullable<NonNullable<Service["spec"]>["ports"]>[number];
type Endpoint = EndpointSlice["endpoints"][number];
type Candidate = Target & { readonly ready: boolean };

/** The targets of a port of one family, for a policy of Cluster and of Local. */
export type Targets = { readonly everywhere: readonly Target[]; readonly local: readonly Target[] };

/**
 * Ready endpoints; where there are none, those that are ending but still serve (EndpointSlice conditions, KEP 1669), on this
 * node and everywhere each for itself. In the order of their addresses, so that the same endpoints give the same table.
 */
export function targetsOf(
  { name = "", protocol = "TCP" }: Pick<ServicePort, "name" | "protocol">,
  family: Family,
  slices: readonly EndpointSlice[],
  node: string,
): Targets {
  const found = new Map<string, Candidate>();
  for (const slice of slices) {
    if (slice.addressType !== addressTypes[family]) continue;
    const port = (slice.ports ?? []).find(
      (each) => (each.name ?? "") === name && (each.protocol ?? "TCP") === protocol,
    )?.port;
    if (port === undefined) continue;
    for (const endpoint of slice.endpoints) {
      const candidate = candidateOf(endpoint, port, node);
      if (candidate === undefined) continue;
      const key = `${candidate.address} ${port}`;
      // While an endpoint moves between slices it is in both (EndpointSlice, "Duplicate endpoints").
      if (found.get(key)?.ready !== true) found.set(key, candidate);
    }
  }
  const sorted = [...found.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, candidate]) => candidate);
  return { everywhere: preferReady(sorted), local: preferReady(sorted.filter(({ local }) => local)) };
}

const addressTypes = { ipv4: "IPv4", ipv6: "IPv6" } as const;

/** Undefined for one that takes no new connections. All addresses of an endpoint lead to the same pod: the first is enough. */
function candidateOf({ addresses, conditions, nodeName }: Endpoint, port: number, node: string): Candidate | undefined {
  const address = parseIp(addresses[0] ?? "");
  const ready = conditions?.ready ?? true;
  const serving = conditions?.serving ?? ready;
  const ending = conditions?.terminating ?? false;
  if (address === undefined || !(ready || (serving && ending))) return undefined;
  return { address, port, local: nodeName === node, ready: ready && !ending };
}

function preferReady(candidates: readonly Candidate[]): readonly Target[] {
  const ready = candidates.filter((candidate) => candidate.ready);
  return (ready.length > 0 ? ready : candidates).map(({ address, port, local }) => ({ address, port, local }));
}
