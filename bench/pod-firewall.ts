// Policies as rules of nftables in the shape of kube-router's: a chain for each policy with sets of addresses, a chain for each pod of the
// node that asks the policies about it one after another, and a mark that says whether one of them has allowed.
//
// Where kube-router asks every packet for every pod in turn, these rules let known connections pass first and find the pod by a map: what
// nftables has for it, and no slower.

import { choosesPod } from "#model/policy/match.ts";
import type { PodParty } from "#model/policy/party.ts";
import type { Direction, Peer, Policy, PortMatch, Rule } from "#model/policy/rule.ts";
import { familyOfCidr } from "#net/cidr.ts";
import { familyOf } from "#net/ip.ts";

const allowed = "0x10000";
/** Policies that one transaction brings: for as long as it lasts, the kernel lets nobody else have the processor. */
const policiesAtOnce = 100;

/** Inputs for nft(8), one after another, for TCP and UDP over IPv4. `isLocal`: of this node. */
export function podFirewall(
  policies: readonly Policy[],
  pods: readonly PodParty[],
  isLocal: (pod: PodParty) => boolean,
): readonly string[] {
  const chains = policies.map((policy, index) => chainOf(policy, `policy-${index}`, pods));
  const parts: string[] = [];
  for (let start = 0; start < chains.length; start += policiesAtOnce) {
    parts.push(table(chains.slice(start, start + policiesAtOnce).flat()));
  }
  return [...parts, table([...podChains(policies, pods.filter(isLocal)), forwarding])];
}

function table(lines: readonly string[]): string {
  return `table ip pod-firewall {\n${lines.join("\n")}\n}\n`;
}

const forwarding = `
  chain forward {
    type filter hook forward priority filter
    ct state established,related accept
    ct state invalid drop
    ip saddr vmap @senders
    ip daddr vmap @receivers
  }`;

function podChains(policies: readonly Policy[], locals: readonly PodParty[]): readonly string[] {
  const sides = [
    { direction: "egress", map: "senders" },
    { direction: "ingress", map: "receivers" },
  ] as const;
  return sides.flatMap(({ direction, map }) => {
    const rows = locals.flatMap((pod) => {
      const asked = policies.flatMap((policy, index) =>
        policy.isolates.includes(direction) && isAbout(policy, pod) ? [`jump policy-${index}-${direction}`] : [],
      );
      return asked.length === 0 ? [] : [{ name: `${direction}-${pod.name}`, asked, address: addressOf(pod) }];
    });
    const elements = rows.map(({ address, name }) => `${address} : jump ${name}`);
    return [
      ...rows.map(({ name, asked }) =>
        chain(name, [
          ...asked,
          `meta mark and ${allowed} == 0 reject`,
          `meta mark set meta mark and ${~Number(allowed) >>> 0}`,
        ]),
      ),
      `  map ${map} { type ipv4_addr : verdict; ${elementsOf(elements)} }`,
    ];
  });
}

/** A chain for each direction. */
function chainOf(policy: Policy, name: string, pods: readonly PodParty[]): readonly string[] {
  const subjects = pods.filter((pod) => isAbout(policy, pod));
  return policy.isolates.flatMap((direction) => {
    const own = `${name}-${direction}`;
    const sets: string[] = [];
    const rules = policy.rules
      .filter((rule) => rule.direction === direction)
      .flatMap((rule, index) => rulesOf(rule, direction, { subjects, pods, name: `${own}-${index}`, sets }));
    return [...sets, chain(own, rules)];
  });
}

type Ground = {
  readonly subjects: readonly PodParty[];
  readonly pods: readonly PodParty[];
  readonly name: string;
  readonly sets: string[];
};

function rulesOf({ peers, ports }: Rule, direction: Direction, ground: Ground): readonly string[] {
  const side = direction === "ingress" ? "saddr" : "daddr";
  const ends = peers === undefined ? [""] : peers.map((peer, index) => peerMatch(peer, side, index, ground));
  const destinations = direction === "ingress" ? ground.subjects : ground.pods;
  const gates = ports === undefined ? [""] : ports.flatMap((match) => portMatches(match, destinations));
  return ends.flatMap((end) => gates.map((gate) => `${end} ${gate} meta mark set meta mark or ${allowed} return`));
}

function peerMatch(peer: Peer, side: string, index: number, { pods, name, sets }: Ground): string {
  if (peer.peer === "block" && familyOfCidr(peer.block) === "ipv4") {
    const holes = peer.except.length === 0 ? "" : `ip ${side} != { ${peer.except.join(", ")} }`;
    return `ip ${side} ${peer.block} ${holes}`;
  }
  if (peer.peer !== "pods") throw new Error(`Rules of nftables for ${peer.peer} are not written here`);
  const set = `${name}-${index}`;
  const addresses = pods.filter((pod) => choosesPod(peer, pod) === undefined).map(addressOf);
  sets.push(`  set ${set} { type ipv4_addr; ${elementsOf(addresses)} }`);
  return `ip ${side} @${set}`;
}

/** A name is the number that the destinations declare; where they differ, each of them. */
function portMatches(match: PortMatch, destinations: readonly PodParty[]): readonly string[] {
  if (match.match === "all") return [`meta l4proto ${match.protocol}`];
  if (match.match === "range") return [`${match.protocol} dport ${match.from}-${match.to}`];
  if (match.match !== "name") return [];
  const declared = destinations.flatMap(({ ports }) => ports.filter(({ name }) => name === match.name));
  return [...new Set(declared.map(({ protocol, port }) => `${protocol} dport ${port}`))];
}

function isAbout({ subject }: Policy, pod: PodParty): boolean {
  return choosesPod(subject, pod) === undefined;
}

function addressOf({ name, addresses }: PodParty): string {
  const address = addresses.find((each) => familyOf(each) === "ipv4");
  if (address === undefined) throw new Error(`Pod ${name} has no IPv4 address`);
  return address;
}

function chain(name: string, rules: readonly string[]): string {
  return `  chain ${name} {\n    ${rules.join("\n    ")}\n  }`;
}

function elementsOf(elements: readonly string[]): string {
  return elements.length === 0 ? "" : `elements = { ${elements.join(", ")} };`;
}
