// Where a connection ends: at the parties that a target names, or where services and ports of nodes lead it.

import type { Traffic } from "#model/policy/match.ts";
import { formatParty, type Party } from "#model/policy/party.ts";
import { formatOrigin } from "#model/policy/rule.ts";
import type { World } from "#model/policy/world.ts";
import { formatPlace } from "#model/service/frontend.ts";
import { type Ip, parseIp } from "#net/ip.ts";
import { find } from "./ends.ts";
import { type Destination, type Reach, throughAddress, throughNode, throughService } from "./routes.ts";
import { numberedTraffic, type Target } from "./target.ts";

/** @throws UsageError */
export function reachesOf(world: World, target: Target, source: Party, namespace: string): readonly Reach[] {
  const { where, port, protocol } = target;
  const address = parseIp(where);
  const behind = address === undefined ? undefined : throughAddress(world, address, target, source);
  if (behind !== undefined) return behind;
  const found = find(world, where, namespace);
  const remark = address === undefined ? undefined : keptBy(world, address);
  if ("service" in found) return throughService(world, found.service, target, source);
  const led: Reach[] = [];
  const destinations = found.ends.flatMap((end): readonly Destination[] => {
    const reach = end.party.party === "node" ? throughNode(world, end.party, target, source) : undefined;
    if (reach === undefined)
      return trafficOf(end.party, port, protocol).map((traffic) => ({ ...end, ...(remark && { remark }), traffic }));
    led.push(reach);
    return [];
  });
  return destinations.length === 0 && led.length > 0 ? led : [{ route: undefined, destinations }, ...led];
}

/** Why an address leads to no pod, although a service has it. */
function keptBy({ services }: World, address: Ip): string | undefined {
  const service = services.find(({ keptAddresses }) => keptAddresses.includes(address));
  if (service === undefined) return undefined;
  const { namespace, name } = service;
  const place = formatOrigin({ kind: "Service", namespace, name, path: "status.loadBalancer" });
  return `${place} has ${address} with ipMode Proxy: the balancer keeps it, no node leads it to a pod, and policies see the address itself`;
}

/** Each declared port where none is asked for, of every protocol unless one is said. @throws UsageError */
function trafficOf(to: Party, port: string | undefined, protocol: Target["protocol"]): readonly Traffic[] {
  const declared = to.party === "pod" ? to.ports : [];
  const own = declared.filter((each) => protocol === undefined || each.protocol === protocol);
  const meant = port === undefined ? own : own.filter(({ name }) => name !== "" && name === port);
  if (meant.length === 0) return [numberedTraffic(port, protocol ?? "tcp")];
  const numbers = new Map(meant.map((each) => [`${each.protocol}/${each.port}`, each]));
  return [...numbers.values()].map((each) => ({ protocol: each.protocol, port: each.port }));
}

/** `shop/backend-0 10.244.1.5:8080` */
export function formatDestination({ party, traffic }: Destination): string {
  const [address] = party.addresses;
  const place = address === undefined || traffic.port === undefined ? "" : ` ${formatPlace(address, traffic.port)}`;
  // Who is nobody in particular is called by the address.
  return party.party === "address" && place !== "" ? place.trim() : `${formatParty(party)}${place}`;
}
