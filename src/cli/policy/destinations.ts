// Where a connection ends: at the parties that a target names, or at the backends of a service, after its translation.

import { UsageError } from "#cli/command.ts";
import type { Traffic } from "#model/policy/match.ts";
import { formatParty, type NodeParty, type Party } from "#model/policy/party.ts";
import type { Protocol } from "#model/policy/rule.ts";
import type { ServiceEntry } from "#model/policy/service-entry.ts";
import { type Backend, backendsOf, type World } from "#model/policy/world.ts";
import { familyOf, type Ip, parseIp } from "#net/ip.ts";
import { type End, find } from "./ends.ts";
import { numberedTraffic, type Target } from "./target.ts";

/** A party, and the traffic that arrives there. `sees`: who sends it there, where that is not who began. */
export type Destination = End & { readonly traffic: Traffic; readonly sees?: NodeParty };

/** Through which port of a service a connection goes. */
export type Route = {
  readonly service: ServiceEntry;
  readonly port: ServiceEntry["ports"][number];
  /** What the client asks: an address of the service or of a node with its port; undefined for a service without one. */
  readonly front: string | undefined;
  /** Pods that are not ready, or on another node than the client where that matters: nothing is sent to them. */
  readonly passedOver: readonly { readonly pod: string; readonly why: string }[];
};

/** Destinations that one target means from one source; without any the connection is refused. */
export type Reach = { readonly route: Route | undefined; readonly destinations: readonly Destination[] };

/** @throws UsageError */
export function reachesOf(world: World, target: Target, source: Party, namespace: string): readonly Reach[] {
  const { where, port, protocol } = target;
  const address = parseIp(where);
  const behind = address === undefined ? undefined : frontOf(world, address, port, protocol);
  if (address !== undefined && behind !== undefined) {
    const { service, node } = behind;
    const front = formatPlace(address, Number(port));
    return [through(world, { service, port: behind.port, addresses: [address], front, node }, source)];
  }
  const found = find(world, where, namespace);
  if ("service" in found) return throughService(world, found.service, target, source);
  const destinations = found.ends.flatMap((end) =>
    trafficOf(end.party, port, protocol).map((traffic) => ({ ...end, traffic })),
  );
  return [{ route: undefined, destinations }];
}

/** The service that answers at an address and port: its own, or a port of every node. */
function frontOf({ services, nodes }: World, address: Ip, port: string | undefined, protocol: Protocol) {
  const node = nodes.find(({ addresses }) => addresses.includes(address));
  for (const service of services) {
    const own = service.addresses.includes(address);
    const found = service.ports.find(
      (each) =>
        each.protocol === protocol &&
        ((own && String(each.port) === port) || (node !== undefined && String(each.nodePort) === port)),
    );
    if (found !== undefined) return { service, port: found, node };
    if (own)
      throw new UsageError(
        `${address} is service ${service.namespace}/${service.name}, which has no port ${port ?? "without a number"} of ${protocol}: ${portsOf(service)}`,
      );
  }
  return undefined;
}

function throughService(
  world: World,
  service: ServiceEntry,
  { port, protocol }: Target,
  source: Party,
): readonly Reach[] {
  const { namespace, name, externalName } = service;
  if (externalName !== undefined)
    throw new UsageError(`service ${namespace}/${name} is another name of ${externalName}: ask for that address`);
  const wanted = service.ports.filter(
    (each) => each.protocol === protocol && (port === undefined || each.name === port || String(each.port) === port),
  );
  if (wanted.length === 0)
    throw new UsageError(`service ${namespace}/${name} has no port ${port ?? ""} of ${protocol}: ${portsOf(service)}`);
  return wanted.map((each) => {
    const [address] = service.addresses;
    const front = address === undefined ? undefined : formatPlace(address, each.port);
    return through(world, { service, port: each, addresses: service.addresses, front, node: undefined }, source);
  });
}

function portsOf({ ports }: ServiceEntry): string {
  return `its ports are ${ports.map(({ port, protocol }) => `${port}/${protocol}`).join(", ")}`;
}

/** What is asked; `node` where it is a port of that node. */
type Front = Omit<Route, "passedOver"> & { readonly addresses: readonly Ip[]; readonly node: NodeParty | undefined };

function through(world: World, { service, port, addresses, front, node }: Front, source: Party): Reach {
  if (service.otherProxy !== undefined && !service.headless) {
    const remark = `service ${service.namespace}/${service.name} is left to ${service.otherProxy}: policies see its own address`;
    const traffic = { protocol: port.protocol, port: node === undefined ? port.port : (port.nodePort ?? port.port) };
    const party: Party = node ?? { party: "address", addresses };
    return { route: { service, port, front, passedOver: [] }, destinations: [{ party, remark, traffic }] };
  }
  // A translation keeps the family.
  const families = new Set(addresses.map(familyOf));
  // Who is in the cluster chooses a backend at its own place.
  const entry = source.party === "address" ? node : undefined;
  const passedOver: { pod: string; why: string }[] = [];
  const destinations = backendsOf(world, service, port).flatMap((backend): readonly Destination[] => {
    const why = reasonAgainst(backend, service, source, entry);
    if (why !== undefined) {
      passedOver.push({ pod: backend.name, why });
      return [];
    }
    // Names of a headless service lead to the pods, and no port is translated on the way.
    const number = service.headless ? port.port : backend.port;
    const own = backend.party.addresses.filter((each) => families.size === 0 || families.has(familyOf(each)));
    const party = { ...backend.party, addresses: own };
    const destination = { party, remark: undefined, traffic: { protocol: port.protocol, port: number } };
    const isHidden = entry !== undefined && nodeOf(party) !== entry.name && !service.directReturn;
    return [isHidden ? { ...destination, sees: entry } : destination];
  });
  return { route: { service, port, front, passedOver }, destinations };
}

function reasonAgainst(
  { ready, party }: Backend,
  { localOnly, localOutside }: ServiceEntry,
  source: Party,
  entry: NodeParty | undefined,
): string | undefined {
  if (!ready) return "is not ready";
  if (entry !== undefined && localOutside && nodeOf(party) !== entry.name)
    return `is not on ${entry.name}, and externalTrafficPolicy is Local`;
  if (!localOnly || source.party === "address") return undefined;
  const own = nodeOf(source);
  return own === undefined || nodeOf(party) === own
    ? undefined
    : `is not on ${own}, and internalTrafficPolicy is Local`;
}

function nodeOf(party: Party): string | undefined {
  if (party.party === "address") return undefined;
  return party.party === "node" ? party.name : party.node;
}

/** Each declared port where none is asked for. @throws UsageError */
function trafficOf(to: Party, port: string | undefined, protocol: Protocol): readonly Traffic[] {
  const own = to.party === "pod" ? to.ports.filter((each) => each.protocol === protocol) : [];
  if (port === undefined && own.length > 0) return own.map((each) => ({ protocol, port: each.port }));
  const named = own.filter((each) => each.name !== "" && each.name === port);
  return named.length > 0 ? named.map((each) => ({ protocol, port: each.port })) : [numberedTraffic(port, protocol)];
}

/** `10.0.0.1:80`, `[fd00::1]:80` */
function formatPlace(address: Ip, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** `shop/backend-0 10.244.1.5:8080` */
export function formatDestination({ party, traffic }: Destination): string {
  const [address] = party.addresses;
  const place = address === undefined || traffic.port === undefined ? "" : ` ${formatPlace(address, traffic.port)}`;
  // Who is nobody in particular is called by the address.
  return party.party === "address" && place !== "" ? place.trim() : `${formatParty(party)}${place}`;
}
