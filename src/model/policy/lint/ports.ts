// Traps in the ports of rules: names and numbers that no pod declares, and the port of a service in the place of its pods'.

import { choosesPod, formatProtocol, peerMismatch } from "#model/policy/match.ts";
import { formatParty, type PodParty } from "#model/policy/party.ts";
import type { PortMatch, Rule } from "#model/policy/rule.ts";
import { backendsOf, type World } from "#model/policy/world.ts";
import type { Subject, Warning } from "./warning.ts";

export function lintPorts({ policy, world }: Subject): readonly Warning[] {
  return policy.rules.flatMap((rule) => {
    const meant =
      rule.direction === "ingress"
        ? world.pods.filter((pod) => choosesPod(policy.subject, pod) === undefined)
        : destinationsOf(rule, world);
    return (rule.ports ?? []).flatMap((port) => lintPort(port, rule, meant, world));
  });
}

/** The pods that a rule of egress means; without peers all of them. */
function destinationsOf({ peers }: Rule, { pods }: World): readonly PodParty[] {
  if (peers === undefined) return pods;
  return pods.filter((pod) => peers.some((peer) => peerMismatch(peer, pod) === undefined));
}

function lintPort(port: PortMatch, rule: Rule, meant: readonly PodParty[], world: World): readonly Warning[] {
  const warning = (word: string, message: string): readonly Warning[] => [{ rule: word, origin: port.origin, message }];
  if (port.match === "name") {
    const beyond = (rule.peers ?? []).find(
      ({ peer }) => rule.direction === "egress" && (peer === "block" || peer === "nodes"),
    );
    if (beyond !== undefined && meant.length === 0)
      return warning("name-of-no-pod", `port ${port.name} is a name, which only pods have: give its number`);
    if (meant.length === 0) return [];
    const named = meant.flatMap((pod) =>
      pod.ports.filter(({ name }) => name === port.name).map((each) => ({ pod, each })),
    );
    if (named.some(({ each }) => port.protocol === undefined || each.protocol === port.protocol)) return [];
    const [other] = named;
    const hint =
      other === undefined ? "" : `: ${formatParty(other.pod)} declares it of ${formatProtocol(other.each.protocol)}`;
    const of = port.protocol === undefined ? "" : ` of ${formatProtocol(port.protocol)}`;
    return warning("port-nobody", `no pod that it is for declares a port ${port.name}${of}${hint}`);
  }
  // A range may well be there for ports to come, and what is not in the cluster declares nothing.
  if (port.match !== "range" || port.from !== port.to || !isForPodsOnly(rule) || meant.length === 0) return [];
  const declared = meant.map((pod) => pod.ports.filter(({ protocol }) => protocol === port.protocol));
  if (declared.some((ports) => ports.length === 0 || ports.some((each) => each.port === port.from))) return [];
  const through = serviceWith(port.from, meant, world);
  if (through !== undefined)
    return warning(
      "port-of-service",
      `${port.from} is the port of service ${through.service}, and its pods listen on ${through.target}: policies see the pods' port`,
    );
  return warning("port-nobody", `no pod that it is for declares port ${port.from} of ${formatProtocol(port.protocol)}`);
}

function isForPodsOnly({ direction, peers }: Rule): boolean {
  return direction === "ingress" || peers?.every(({ peer }) => peer === "pods") === true;
}

/** A service that has the number as its own port, in front of pods that are meant. */
function serviceWith(number: number, meant: readonly PodParty[], world: World) {
  for (const service of world.services) {
    for (const port of service.ports.filter((each) => each.port === number)) {
      const backend = backendsOf(world, service, port).find(
        ({ party }) => party.party === "pod" && meant.includes(party),
      );
      if (backend !== undefined && backend.port !== number)
        return { service: `${service.namespace}/${service.name}`, target: backend.port };
    }
  }
  return undefined;
}
