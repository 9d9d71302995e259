// What an agent is, as the messages of its local API.

import type { Agent } from "#agent/main.ts";
import { addressesOf, type Endpoint, formatEndpoint } from "#agent/state/endpoint.ts";
import type { Counts } from "#datapath/datapath.ts";
import type { NodeModel } from "#model/node.ts";
import type { DropsMessage, EndpointMessage, IpamMessage, PeerMessage, StatusMessage } from "./messages.ts";

/** Why a node with this agent is not whole yet, in words; pods may be wired already. */
export function incomplete(agent: Agent): string | undefined {
  return agent.unready() ?? (agent.services?.isServing === false ? "The agent waits for services" : undefined);
}

/** The node at a glance, and what is amiss. */
export function viewStatus(agent: Agent): StatusMessage {
  const { cluster, endpoints, datapath } = agent;
  const unready = incomplete(agent);
  return {
    node: agent.nodeName,
    addresses: Object.values(cluster.self?.addresses ?? {}),
    blocks: cluster.self?.blocks ?? [],
    ready: unready === undefined,
    programs: datapath !== undefined,
    fabric: agent.fabricMode,
    tunnelChecksums: agent.fabric?.tunnelChecksums ?? "devices",
    mtu: agent.podMtu(),
    endpoints: endpoints.list().length,
    peers: [...cluster.others].sort(byName).map((node) => viewPeer(agent, node)),
    connections: agent.collector?.pressure ?? null,
    problems: unique([
      unready,
      cluster.problem,
      ...(agent.fabric?.faults ?? []),
      ...(agent.services?.problems ?? []),
      ...(agent.policies?.problems ?? []),
      agent.collector?.problem,
    ]),
  };
}

/** What keeps pods from being wired is often what somebody else says, too. */
function unique(problems: readonly (string | undefined)[]): readonly string[] {
  return [...new Set(problems.filter((problem) => problem !== undefined))];
}

function byName(a: NodeModel, b: NodeModel): number {
  return a.name < b.name ? -1 : 1;
}

function viewPeer({ fabric }: Agent, { name, addresses, blocks }: NodeModel): PeerMessage {
  const entry = fabric?.peers.find(({ block }) => blocks.includes(block));
  const way = entry === undefined ? "unknown" : entry.tunnel ? "tunnel" : "direct";
  return { node: name, addresses: Object.values(addresses), blocks, way, via: entry?.node ?? null };
}

/** One interface of one pod. */
export function viewEndpoint(endpoint: Endpoint): EndpointMessage {
  const { id, pod, containerId, ifname, mac, hostName, mtu, state } = endpoint;
  const name = pod === undefined ? null : `${pod.namespace}/${pod.name}`;
  return { id, pod: name, containerId, ifname, addresses: addressesOf(endpoint), mac, link: hostName, mtu, state };
}

/** The pools of the node's blocks, and who has which address. */
export function viewIpam(agent: Agent): IpamMessage {
  const { ipam, endpoints } = agent;
  const now = agent.nowMs();
  const pools = ipam.usage(now).map(({ nextFreeMs, ...usage }) => ({
    ...usage,
    nextFreeSeconds: nextFreeMs === undefined ? null : Math.max(0, Math.ceil((nextFreeMs - now) / 1000)),
  }));
  const addresses = endpoints
    .list()
    .flatMap((endpoint) => addressesOf(endpoint).map((address) => ({ address, owner: formatEndpoint(endpoint) })));
  return { pools, addresses };
}

/** Packets by what became of them; `outcomes: null` without programs. */
export function viewDrops({ datapath }: Agent): DropsMessage {
  const counts = datapath?.counts();
  return { outcomes: counts === undefined ? null : toNumbers(counts) };
}

function toNumbers(counts: Counts): Exclude<DropsMessage["outcomes"], null> {
  const rows = Object.entries(counts).map(([outcome, { packets, bytes }]) => [
    outcome,
    { packets: Number(packets), bytes: Number(bytes) },
  ]);
  return Object.fromEntries(rows) as Exclude<DropsMessage["outcomes"], null>;
}
