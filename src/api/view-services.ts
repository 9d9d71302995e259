// Services as the packet path has them, for whoever asks the agent.

import type { Agent } from "#agent/main.ts";
import type { NodeServices } from "#agent/service/node-services.ts";
import { frontendKey, protocolNumbers } from "#agent/service/row.ts";
import { Reader } from "#codec/codec.ts";
import { connectionsFormat } from "#datapath/connection-format.ts";
import type { Datapath } from "#datapath/datapath.ts";
import type { Choice, Frontend } from "#model/service/frontend.ts";
import { isPodOwner } from "#model/service/host-port.ts";
import type { ServiceBackendMessage, ServiceFrontendMessage, ServiceMessage, ServicesMessage } from "./messages.ts";
import { viewEndpoints } from "./view-service-endpoints.ts";

/** All of them. */
export function viewServices({ services, datapath }: Agent): ServicesMessage {
  if (services === undefined || datapath === undefined) return { services: null };
  const counts = countConnections(datapath);
  const { announcers } = services;
  return { services: ownersOf(services).flatMap((owner) => viewService(services, owner, counts, announcers)) };
}

/** One by its name, `shop/web`, or those of a name in all namespaces, with all endpoints that slices have; none when there is none. */
export async function viewNamedServices({ services, datapath }: Agent, name: string): Promise<ServicesMessage> {
  if (services === undefined || datapath === undefined) return { services: null };
  const counts = countConnections(datapath);
  const { announcers } = services;
  const found = ownersOf(services)
    .filter((owner) => owner === name || owner.endsWith(`/${name}`))
    .flatMap((owner) => viewService(services, owner, counts, announcers));
  return { services: await Promise.all(found.map((service) => withEndpoints(services, service, counts))) };
}

async function withEndpoints({ view }: NodeServices, service: ServiceMessage, counts: Counts): Promise<ServiceMessage> {
  const { name } = service;
  const slices = isPodOwner(name) ? [] : await view.readSlices(name).catch(() => null);
  if (slices === null) return service;
  return { ...service, endpoints: viewEndpoints(slices, view.service(name)?.ports ?? [], service, counts) };
}

function ownersOf({ view, services }: NodeServices): readonly string[] {
  return [...new Set([...view.names, ...services.owners])].sort();
}

/** By group, by group and endpoint, and by protocol and endpoint. */
export type Counts = ReadonlyMap<string, number>;

/** None for one that has nothing to show. */
function viewService(
  services: NodeServices,
  owner: string,
  counts: Counts,
  announcers: NodeServices["announcers"],
): readonly ServiceMessage[] {
  const { frontends } = services.wantOf(owner);
  const problems = services.services.problemsOf(owner);
  if (frontends.length + problems.length === 0) return [];
  const groupOf = (frontend: Frontend) => services.services.groupNumber(owner, frontend.group);
  const groups = new Set(frontends.map(groupOf));
  return [
    {
      name: owner,
      endpoints: null,
      problems,
      frontends: frontends.map((frontend) => viewFrontend(services, announcers, frontend, groupOf(frontend))),
      backends: viewBackends(frontends, groupOf, counts),
      connections: [...groups].reduce<number>((sum, group) => sum + (counts.get(String(group)) ?? 0), 0),
    },
  ];
}

function viewFrontend(
  { services }: NodeServices,
  announcers: NodeServices["announcers"],
  frontend: Frontend,
  group: number | undefined,
): ServiceFrontendMessage {
  const { kind, protocol, address, port, inside, outside, balance, affinitySeconds, sourceRanges } = frontend;
  const { keepsSource, directReturn } = frontend;
  const row = services.held.frontends.get(frontendKey({ address, port, protocol: protocolNumbers[protocol] }));
  return {
    ...{ kind, protocol, address, port, balance, inside: viewChoice(inside), outside: viewChoice(outside) },
    affinitySeconds: affinitySeconds ?? null,
    sourceRanges: sourceRanges ?? null,
    ...{ keepsSource, directReturn },
    announced: kind === "balancer" && announcers.has(address) ? { by: announcers.get(address) ?? null } : null,
    served: row !== undefined && row.group === group,
  };
}

function viewChoice({ targets, otherwise }: Choice): ServiceFrontendMessage["inside"] {
  return targets.length === 0 ? otherwise : targets.length;
}

function viewBackends(
  frontends: readonly Frontend[],
  groupOf: (frontend: Frontend) => number | undefined,
  counts: Counts,
): readonly ServiceBackendMessage[] {
  const found = new Map<string, ServiceBackendMessage>();
  for (const frontend of frontends) {
    const { protocol, inside, outside } = frontend;
    for (const { address, port, local } of [...inside.targets, ...outside.targets]) {
      const connections = counts.get(`${groupOf(frontend)} ${address} ${port}`) ?? 0;
      found.set(`${protocol} ${address} ${port}`, { protocol, address, port, local, connections });
    }
  }
  return [...found.values()];
}

function countConnections({ connections: { connections } }: Datapath): Counts {
  const counts = new Map<string, number>();
  const count = (key: string) => counts.set(key, (counts.get(key) ?? 0) + 1);
  const { keySize, valueSize, key, value } = connectionsFormat;
  for (const batch of connections.batches()) {
    for (let index = 0; index < batch.count; index++) {
      const { service } = value.decode(new Reader(batch.values, index * valueSize, (index + 1) * valueSize));
      const ends = key.decode(new Reader(batch.keys, index * keySize, (index + 1) * keySize));
      count(`${ends.protocol} ${ends.destination} ${ends.destinationPort}`);
      count(`${ends.protocol} ${ends.source} ${ends.sourcePort}`);
      if (service === 0) continue;
      count(String(service));
      // The key does not say who is who: only one of its ends is an endpoint of the service.
      count(`${service} ${ends.destination} ${ends.destinationPort}`);
      count(`${service} ${ends.source} ${ends.sourcePort}`);
    }
  }
  return counts;
}
