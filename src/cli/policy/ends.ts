// The ends of a connection as people write them: pods, workloads, services, nodes and addresses.

import { nearest } from "#base/nearest.ts";
import { UsageError } from "#cli/command.ts";
import type { Traffic } from "#model/policy/match.ts";
import type { Party } from "#model/policy/party.ts";
import type { Protocol } from "#model/policy/rule.ts";
import { backendsOf, type World } from "#model/policy/world.ts";
import { ip, parseIp } from "#net/ip.ts";

/** What `DST[:PORT[/PROTO]]` says: where, and on which port of which protocol. */
export type Target = { readonly where: string; readonly port: string | undefined; readonly protocol: Protocol };

const protocols: readonly Protocol[] = ["tcp", "udp", "sctp", "icmp"];

/** `shop/db:5432`, `svc/backend:http/udp`, `[fd00::1]:80`, `10.0.0.1`. @throws UsageError */
export function parseTarget(text: string): Target {
  const match = /^(\[[^\]]*\]|[^:]*(?:::[^\]]*)?)(?::([\w-]+))?(?:\/(tcp|udp|sctp|icmp))?$/i.exec(bracketed(text));
  if (match === null)
    throw new UsageError(`cannot read "${text}": write WHERE[:PORT[/PROTOCOL]], like shop/db-0:5432/tcp`);
  const [, where = "", port, word] = match;
  const protocol = protocols.find((each) => each === word?.toLowerCase()) ?? "tcp";
  return { where: where.replace(/^\[|\]$/g, ""), port, protocol };
}

/** A bare address of IPv6 has colons of its own. */
function bracketed(text: string): string {
  return parseIp(text) !== undefined && text.includes(":") ? `[${text}]` : text;
}

/** All parties that a name means: a pod, the pods of a workload, a node, an address. @throws UsageError with the nearest name */
export function partiesOf(world: World, text: string, namespace: string): readonly Party[] {
  const address = parseIp(text);
  if (address !== undefined) {
    const owner = [...world.pods, ...world.nodes].find(({ addresses }) => addresses.includes(address));
    return [owner ?? { party: "address", addresses: [ip(text)] }];
  }
  const node = /^nodes?\/(.+)$/.exec(text)?.[1];
  if (node !== undefined) {
    const found = world.nodes.filter(({ name }) => name === node);
    if (found.length > 0) return found;
    throw unknown(
      "node",
      node,
      world.nodes.map(({ name }) => name),
    );
  }
  const [within, name] = splitName(text, namespace);
  const own = world.pods.filter((pod) => pod.namespace === within);
  const exact = own.filter((pod) => pod.name === name);
  // A workload's pods have its name and something behind it.
  const made = own.filter((pod) => pod.name.startsWith(`${name}-`));
  const found = exact.length > 0 ? exact : made;
  if (found.length > 0) return found;
  throw unknown(
    "pod or workload",
    `${within}/${name}`,
    world.pods.map((pod) => `${pod.namespace}/${pod.name}`),
  );
}

/** Each place that a target means, with the traffic that arrives there: a service is its pods, on their own ports. @throws UsageError */
export function destinationsOf(
  world: World,
  target: Target,
  namespace: string,
): readonly { readonly to: Party; readonly traffic: Traffic; readonly through: string | undefined }[] {
  const { where, port, protocol } = target;
  const service = /^(?:svc|services?)\/(.+)$/.exec(where)?.[1];
  if (service !== undefined) return throughService(world, service, target, namespace);
  return partiesOf(world, where, namespace).flatMap((to) => {
    const numbers = port === undefined ? defaultPorts(to, protocol) : [portNumber(port, to, protocol)];
    return numbers.map((number) => ({ to, traffic: { protocol, port: number }, through: undefined }));
  });
}

function throughService(world: World, text: string, { port, protocol }: Target, namespace: string) {
  const [within, name] = splitName(text, namespace);
  const service = world.services.find((each) => each.namespace === within && each.name === name);
  if (service === undefined)
    throw unknown(
      "service",
      `${within}/${name}`,
      world.services.map((each) => `${each.namespace}/${each.name}`),
    );
  const wanted = service.ports.filter(
    (each) => each.protocol === protocol && (port === undefined || each.name === port || String(each.port) === port),
  );
  if (wanted.length === 0) throw new UsageError(`service ${within}/${name} has no port ${port ?? ""} of ${protocol}`);
  return wanted.flatMap((each) =>
    backendsOf(world, service, each).map(({ party, port: number }) => ({
      to: party,
      traffic: { protocol, port: number },
      through: `service ${within}/${name} port ${each.port}`,
    })),
  );
}

function splitName(text: string, namespace: string): readonly [namespace: string, name: string] {
  const bare = text.replace(/^(?:pods?|po|deployments?|deploy|statefulsets?|sts|daemonsets?|ds|jobs?)\//, "");
  const slash = bare.indexOf("/");
  return slash < 0 ? [namespace, bare] : [bare.slice(0, slash), bare.slice(slash + 1)];
}

function defaultPorts(to: Party, protocol: Protocol): readonly (number | undefined)[] {
  if (to.party !== "pod" || protocol === "icmp") return [undefined];
  const declared = to.ports.filter((each) => each.protocol === protocol).map(({ port }) => port);
  return declared.length === 0 ? [undefined] : declared;
}

function portNumber(port: string, to: Party, protocol: Protocol): number {
  if (/^\d+$/.test(port)) return Number(port);
  const named =
    to.party === "pod" ? to.ports.find((each) => each.name === port && each.protocol === protocol) : undefined;
  if (named !== undefined) return named.port;
  throw new UsageError(`no port is called ${port} there: give its number`);
}

function unknown(what: string, name: string, known: readonly string[]): UsageError {
  const meant = nearest(name, known);
  return new UsageError(`there is no ${what} ${name}${meant === undefined ? "" : `; did you mean ${meant}?`}`);
}
