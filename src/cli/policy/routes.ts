// How connections are led elsewhere on their way: by services, and by ports of nodes that lead to pods.

import { UsageError } from "#cli/command.ts";
import { type Admission, admissionTo } from "#model/policy/admission.ts";
import type { Traffic } from "#model/policy/match.ts";
import { formatParty, type NodeParty, type Party, type PodParty } from "#model/policy/party.ts";
import type { ServiceEntry } from "#model/policy/service-entry.ts";
import { type Backend, backendsOf, type World } from "#model/policy/world.ts";
import { formatPlace } from "#model/service/frontend.ts";
import { type Family, familyOf, type Ip } from "#net/ip.ts";
import type { End } from "./ends.ts";
import type { Target } from "./target.ts";

/** A party, and the traffic that arrives there. */
export type Destination = End & {
  readonly traffic: Traffic;
  /** What the source's policies see in its place, where another node translates. */
  readonly asked?: { readonly party: NodeParty; readonly traffic: Traffic };
  /** Who sends it there, where that is not who began. */
  readonly sees?: NodeParty;
};

/** By what a connection is led elsewhere. */
export type Route = {
  /** `service shop/web port 80`, `port 9090 of node2` */
  readonly title: string;
  /** Undefined for a port of a node that leads to one pod. */
  readonly service: ServiceEntry | undefined;
  /** The one that is asked. */
  readonly port: number;
  /** What the client asks: an address of the service or of a node with its port; undefined for a service without one. */
  readonly front: string | undefined;
  /** Pods that are not ready, or on another node than the client where that matters: nothing is sent to them. */
  readonly passedOver: readonly { readonly pod: string; readonly why: string }[];
  /** Whether the service is for the client; undefined where it is for everybody. */
  readonly admission: Admission | undefined;
  /** What else must be known of it. */
  readonly remark: string | undefined;
};

/** Destinations that one target means from one source; without any the connection is refused, or dropped where it is not admitted. */
export type Reach = { readonly route: Route | undefined; readonly destinations: readonly Destination[] };

type Port = ServiceEntry["ports"][number];

/** A place where a service is asked; `node` where that is a port of this node. */
type Front = {
  readonly service: ServiceEntry;
  readonly port: Port;
  readonly addresses: readonly Ip[];
  readonly node: NodeParty | undefined;
  /** The service's own address, or its name. */
  readonly isOwn: boolean;
};

/** What answers at addresses of a service. @throws UsageError for an address whose service does not have the port */
export function throughAddress(world: World, address: Ip, target: Target, source: Party): readonly Reach[] | undefined {
  const service = world.services.find(({ addresses }) => addresses.includes(address));
  if (service === undefined) return undefined;
  const isOwn = service.ownAddresses.includes(address);
  const wanted = portsOf(service, target);
  if (wanted.length === 0)
    throw new UsageError(`${address} is service ${service.namespace}/${service.name}, which ${lacks(service, target)}`);
  return wanted.map((port) => through(world, { service, port, addresses: [address], node: undefined, isOwn }, source));
}

/** What is asked by the service's name. @throws UsageError */
export function throughService(world: World, service: ServiceEntry, target: Target, source: Party): readonly Reach[] {
  const { namespace, name, externalName, addresses } = service;
  if (externalName !== undefined)
    throw new UsageError(`service ${namespace}/${name} is another name of ${externalName}: ask for that address`);
  const wanted = portsOf(service, target);
  if (wanted.length === 0) throw new UsageError(`service ${namespace}/${name} ${lacks(service, target)}`);
  return wanted.map((port) => through(world, { service, port, addresses, node: undefined, isOwn: true }, source));
}

/** What answers at a node's port in the node's place; undefined for a port that is the node's own. */
export function throughNode(
  world: World,
  node: NodeParty,
  { port: number, protocol = "tcp" }: Target,
  source: Party,
): Reach | undefined {
  for (const service of world.services) {
    const port = service.ports.find((each) => each.protocol === protocol && String(each.nodePort) === number);
    const families = new Set(service.ownAddresses.map(familyOf));
    const addresses = node.addresses.filter((address) => families.has(familyOf(address)));
    if (port !== undefined && addresses.length > 0)
      return through(world, { service, port, addresses, node, isOwn: false }, source);
  }
  for (const { party, hostPorts } of world.allPods) {
    if (party?.party !== "pod" || party.node !== node.name) continue;
    for (const each of hostPorts) {
      if (each.protocol !== protocol || String(each.hostPort) !== number) continue;
      const { hostAddress } = each;
      const addresses = node.addresses.filter((own) => hostAddress === undefined || own === hostAddress);
      if (addresses.length > 0) return throughHostPort(party, each, { ...node, addresses }, source);
    }
  }
  return undefined;
}

/** All of the protocol that is said where no port is. */
function portsOf({ ports }: ServiceEntry, { port, protocol }: Target): readonly Port[] {
  const named = ports.filter(
    (each) =>
      (protocol === undefined || each.protocol === protocol) &&
      (port === undefined || each.name === port || String(each.port) === port),
  );
  // A number without a protocol is one of TCP, where there is one.
  const isNumber = protocol === undefined && port !== undefined && named.every(({ name }) => name !== port);
  const tcp = isNumber ? named.filter((each) => each.protocol === "tcp") : [];
  return tcp.length > 0 ? tcp : named;
}

function lacks({ ports }: ServiceEntry, { port, protocol }: Target): string {
  const asked = `${port === undefined ? "" : ` ${port}`}${protocol === undefined ? "" : ` of ${protocol}`}`;
  return `has no port${asked}: its ports are ${ports.map((each) => `${each.port}/${each.protocol}`).join(", ")}`;
}

/**
 * A node translates what its own pods and processes ask, whatever address that is; what asks another node's port is
 * that node's to translate: the source's policies see the node.
 */
function entryOf(node: NodeParty | undefined, source: Party): NodeParty | undefined {
  return node !== undefined && nodeOf(source) !== node.name ? node : undefined;
}

function through(world: World, { service, port, addresses, node, isOwn }: Front, source: Party): Reach {
  const [first] = addresses;
  const number = node === undefined ? port.port : (port.nodePort ?? port.port);
  const title = `service ${service.namespace}/${service.name} port ${port.port}`;
  const front = first === undefined ? undefined : formatPlace(first, number);
  const admission = first === undefined ? undefined : admissionTo(service, first, source);
  const route = { title, service, port: port.port, front, admission, remark: undefined };
  if (service.otherProxy !== undefined && !service.headless) {
    const remark = `service ${service.namespace}/${service.name} is left to ${service.otherProxy}: policies see its own address`;
    const party: Party = node ?? { party: "address", addresses };
    const traffic = { protocol: port.protocol, port: number };
    return {
      route: { ...route, admission: undefined, passedOver: [] },
      destinations: [{ party, remark, traffic }],
    };
  }
  if (admission?.allowed === false) return { route: { ...route, passedOver: [] }, destinations: [] };
  const entry = entryOf(node, source);
  const passedOver: { pod: string; why: string }[] = [];
  const destinations = backendsOf(world, service, port).flatMap((backend): readonly Destination[] => {
    const why = reasonAgainst(backend, service, source, entry, isOwn);
    if (why !== undefined) {
      passedOver.push({ pod: backend.name, why });
      return [];
    }
    const party = within(backend.party, new Set(addresses.map(familyOf)));
    // Names of a headless service lead to the pods, and no port is translated on the way.
    const at = service.headless ? port.port : backend.port;
    const isHidden = entry !== undefined && nodeOf(party) !== entry.name && !service.directReturn;
    return [
      {
        ...{ party, remark: undefined, traffic: { protocol: port.protocol, port: at } },
        ...askedAt(entry, addresses, { protocol: port.protocol, port: number }, source),
        ...(isHidden ? { sees: entry } : {}),
      },
    ];
  });
  const isAnywhere = source.party === "address" && node === undefined && !isOwn;
  const remark =
    isAnywhere && !service.localOutside && !service.directReturn
      ? "a pod sees the node through which the connection comes, where that is not its own"
      : undefined;
  return { route: { ...route, passedOver, remark }, destinations };
}

/** Nobody but the pod answers there, and it sees who asks. */
function throughHostPort(
  pod: PodParty,
  {
    protocol,
    hostPort,
    containerPort,
  }: { readonly protocol: Port["protocol"]; readonly hostPort: number; readonly containerPort: number },
  node: NodeParty,
  source: Party,
): Reach {
  const [first] = node.addresses;
  const front = first === undefined ? undefined : formatPlace(first, hostPort);
  const party = within(pod, new Set(node.addresses.map(familyOf)));
  const title = `port ${hostPort} of ${node.name}, which is ${formatParty(pod)}'s`;
  const asked = askedAt(entryOf(node, source), node.addresses, { protocol, port: hostPort }, source);
  return {
    route: {
      title,
      service: undefined,
      port: hostPort,
      front,
      admission: undefined,
      passedOver: [],
      remark: undefined,
    },
    destinations: [{ party, remark: undefined, traffic: { protocol, port: containerPort }, ...asked }],
  };
}

/** What a pod's own policies see of what another node translates. */
function askedAt(
  entry: NodeParty | undefined,
  addresses: readonly Ip[],
  traffic: Traffic,
  source: Party,
): Pick<Destination, "asked"> {
  if (entry === undefined || source.party !== "pod") return {};
  return { asked: { party: { ...entry, addresses }, traffic } };
}

/** A translation keeps the family. */
function within<P extends Party>(party: P, families: ReadonlySet<Family>): P {
  if (families.size === 0) return party;
  return { ...party, addresses: party.addresses.filter((each) => families.has(familyOf(each))) };
}

function reasonAgainst(
  { ready, party }: Backend,
  { localOnly, localOutside }: ServiceEntry,
  source: Party,
  entry: NodeParty | undefined,
  isOwn: boolean,
): string | undefined {
  if (!ready) return "is not ready";
  if (entry !== undefined && localOutside && nodeOf(party) !== entry.name)
    return `is not on ${entry.name}, and externalTrafficPolicy is Local`;
  const own = nodeOf(source);
  if (!localOnly || !isOwn || own === undefined || nodeOf(party) === own) return undefined;
  return `is not on ${own}, and internalTrafficPolicy is Local`;
}

function nodeOf(party: Party): string | undefined {
  if (party.party === "address") return undefined;
  return party.party === "node" ? party.name : party.node;
}
