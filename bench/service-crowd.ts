// A number of services of which one is asked: for the packet path's maps and, the same ones, for kube-proxy's rules.

import type { Datapath } from "#datapath/datapath.ts";
import { ip } from "#net/ip.ts";
import type { ProxiedService } from "./kube-proxy.ts";

const tcp = 6;
const refused = { set: 0, count: 0, flags: 0 } as const;
/** Where nobody lives: endpoints of the others. */
const elsewhere = "10.245.0.1:8080";

/** The one in the middle has this endpoint, and a port of the node if one is given. */
export function serviceCrowd(count: number, endpoint: string, nodePort?: number): readonly ProxiedService[] {
  return Array.from({ length: count }, (_, index): ProxiedService => {
    const own = { name: `service-${index}`, address: `10.96.${index >> 8}.${index & 0xff}`, port: 80 };
    if (index !== askedIndex(count)) return { ...own, endpoints: [elsewhere], hasNoChoice: true };
    return { ...own, endpoints: [endpoint], ...(nodePort === undefined ? {} : { nodePort }) };
  });
}

function askedIndex(count: number): number {
  return count >> 1;
}

/** The one that is asked. */
export function askedOf(crowd: readonly ProxiedService[]): ProxiedService {
  const asked = crowd[askedIndex(crowd.length)];
  if (asked === undefined) throw new Error("A crowd has at least one service");
  return asked;
}

/** Into the maps, as the agent writes them: all else at a service's address is refused. */
export function fillServices(
  { services: maps }: Datapath,
  crowd: readonly ProxiedService[],
  nodeAddresses: readonly string[],
): void {
  const rows = crowd.map((service, index) => ({ ...service, number: index + 1 }));
  const backends = rows.flatMap(({ endpoints, number }) =>
    endpoints.map((endpoint, slot) => ({ number: number * 100 + slot, slot, service: number, ...placeOf(endpoint) })),
  );
  maps.backends.setAll(
    backends.map(({ number, address, port, service }) => [number, { address, port, flags: 0, service }]),
  );
  maps.slots.setAll(backends.map(({ number, slot, service }) => [{ set: service, slot }, number]));
  const places = rows.flatMap(({ address, port, nodePort, number, endpoints }) => {
    const choice = { set: number, count: endpoints.length, flags: 0 };
    const value = { service: number, affinitySeconds: 0, inside: choice, outside: choice };
    const ofNode = nodePort === undefined ? [] : nodeAddresses.map((node) => keyOf(node, nodePort));
    const whole = { address: ip(address), port: 0, protocol: 0 };
    const none = { service: 0, affinitySeconds: 0, inside: refused, outside: refused };
    return [...[keyOf(address, port), ...ofNode].map((key) => [key, value] as const), [whole, none] as const];
  });
  maps.frontends.setAll(places);
}

function keyOf(address: string, port: number) {
  return { address: ip(address), port, protocol: tcp };
}

function placeOf(endpoint: string) {
  const [address = "", port] = endpoint.split(":");
  return { address: ip(address), port: Number(port) };
}
