// Which endpoints of a service's port take new connections, from where.

import type { Family, Ip } from "#net/ip.ts";
import type { ServicePort } from "./service.ts";
import type { SliceEndpoint, SliceModel } from "./slice.ts";

/** Where a connection can go. */
export type Target = {
  readonly address: Ip;
  readonly port: number;
  /** Whether the endpoint is on this node. */
  readonly local: boolean;
};

/** The node that looks. */
export type Viewpoint = {
  /** As endpoints name it. */
  readonly node: string;
  /** Its label `topology.kubernetes.io/zone`. */
  readonly zone: string | undefined;
};

export type Targets = {
  /** For a policy of Cluster: none only where the service has none that this node may use. */
  readonly everywhere: readonly Target[];
  /** For a policy of Local. */
  readonly local: readonly Target[];
  /** Whether anybody at all serves. */
  readonly any: boolean;
};

type Candidate = Target & Pick<SliceEndpoint, "state" | "zones" | "nodes">;

/** Of a port and family. In the order of their addresses, so that the same endpoints give the same list. */
export function targetsOf(
  port: Pick<ServicePort, "name" | "protocol">,
  family: Family,
  slices: readonly SliceModel[],
  view: Viewpoint,
): Targets {
  const all = candidatesOf(port, family, slices, view.node);
  const ready = all.filter(({ state }) => state === "ready");
  const near = nearest(ready, view);
  const local = all.filter((each) => each.local);
  const localReady = local.filter(({ state }) => state === "ready");
  return {
    everywhere: toTargets(near.length > 0 ? near : all),
    local: toTargets(localReady.length > 0 ? localReady : local),
    any: all.length > 0,
  };
}

/** While an endpoint moves between slices it is in both (EndpointSlice, "Duplicate endpoints"): the more ready one counts. */
function candidatesOf(
  { name, protocol }: Pick<ServicePort, "name" | "protocol">,
  family: Family,
  slices: readonly SliceModel[],
  node: string,
): readonly Candidate[] {
  const found = new Map<string, Candidate>();
  for (const slice of slices) {
    if (slice.family !== family) continue;
    const port = slice.ports.find((each) => each.name === name && each.protocol === protocol)?.port;
    if (port === undefined) continue;
    for (const { address, state, node: home, zones, nodes } of slice.endpoints) {
      const key = `${address} ${port}`;
      const known = found.get(key);
      const candidate = { address, port, local: home === node, state, zones, nodes };
      if (known === undefined || isBetter(candidate, known)) found.set(key, candidate);
    }
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, candidate]) => candidate);
}

/** Does not depend on the order of the slices. */
function isBetter(a: Candidate, b: Candidate): boolean {
  if (a.state !== b.state) return a.state === "ready";
  return JSON.stringify([a.local, a.zones, a.nodes]) > JSON.stringify([b.local, b.zones, b.nodes]);
}

/**
 * Those that hints mean for this node, or for its zone: when every endpoint has such a hint, and one of them is for us; otherwise
 * all. So kube-proxy does it, for `trafficDistribution` and topology aware routing alike (KEP 2433, 3015).
 */
function nearest(ready: readonly Candidate[], { node, zone }: Viewpoint): readonly Candidate[] {
  if (ready.every(({ nodes }) => nodes.length > 0)) {
    const ours = ready.filter(({ nodes }) => nodes.includes(node));
    if (ours.length > 0) return ours;
  }
  if (zone !== undefined && ready.every(({ zones }) => zones.length > 0)) {
    const ours = ready.filter(({ zones }) => zones.includes(zone));
    if (ours.length > 0) return ours;
  }
  return ready;
}

function toTargets(candidates: readonly Candidate[]): readonly Target[] {
  return candidates.map(({ address, port, local }) => ({ address, port, local }));
}
