// Random policies in the engine's own form, with all that it can say, over clusters small enough that everything meets everything.

import type { LabelSelector, Requirement } from "#kube/selector.ts";
import type { DeclaredPort, Labels, Party } from "#model/policy/party.ts";
import type { PodEntry } from "#model/policy/resolve/population.ts";
import type { NodeEntry } from "#model/policy/resolve/resolver.ts";
import {
  adminTier,
  baselineTier,
  type Direction,
  type NamespaceChoice,
  networkTier,
  type Origin,
  type Peer,
  type Policy,
  type PortMatch,
  type Rule,
} from "#model/policy/rule.ts";
import { cidr } from "#net/cidr.ts";
import { familyOf, type Ip, ip } from "#net/ip.ts";
import type { Random } from "#test/random.ts";

export const localNode = "node1";
const keys = ["app", "tier"];
const values = ["web", "db", "cart"];
export const namespaceNames = ["x", "y", "z"];
const portNames = ["http", "admin"];
const blocks = {
  ipv4: ["0.0.0.0/0", "10.244.0.0/16", "10.244.0.0/30", "10.244.0.2/32", "203.0.113.0/24", "172.30.0.0/24"].map(cidr),
  ipv6: ["::/0", "::/8", "fd00::/64", "fd00::2/127", "2001:db8::/32"].map(cidr),
};
export const outside = ["203.0.113.10", "10.244.7.7", "2001:db8::1", "::ffff", "198.51.100.1"].map(ip);
const transports = ["tcp", "udp", "sctp"] as const;

const percent = (random: Random, of: number) => random.below(100) < of;

function randomLabels(random: Random): Labels {
  return Object.fromEntries(keys.flatMap((key) => (percent(random, 70) ? [[key, random.pick(values)]] : [])));
}

function randomSelector(random: Random): LabelSelector {
  if (percent(random, 30)) return [];
  return Array.from({ length: random.int(1, 2) }, (): Requirement => {
    const operator = random.pick(["In", "In", "NotIn", "Exists", "DoesNotExist"] as const);
    const hasValues = operator === "In" || operator === "NotIn";
    const chosen = hasValues ? [random.pick(values), ...random.list(1, () => random.pick(values))] : [];
    return { key: random.pick(keys), operator, values: chosen };
  });
}

function randomNamespaces(random: Random): NamespaceChoice {
  if (percent(random, 40)) return { name: random.pick(namespaceNames) };
  if (percent(random, 40)) return { labels: [] };
  const operator = random.pick(["Exists", "DoesNotExist", "In"] as const);
  return { labels: [{ key: "team", operator, values: operator === "In" ? [random.pick(values)] : [] }] };
}

function randomPeer(random: Random, origin: Origin): Peer {
  const kind = random.below(20);
  if (kind < 1) return { peer: "nothing", why: "for the test", origin };
  if (kind < 3) return { peer: "world", origin };
  if (kind < 5) return { peer: "nodes", labels: percent(random, 50) ? [] : randomSelector(random), origin };
  if (kind < 11) {
    const family = random.pick(["ipv4", "ipv6"] as const);
    const except = random.list(2, () => random.pick(blocks[family]));
    return { peer: "block", block: random.pick(blocks[family]), except, origin };
  }
  return { peer: "pods", namespaces: randomNamespaces(random), pods: randomSelector(random), origin };
}

function randomPort(random: Random, origin: Origin): PortMatch {
  const kind = random.below(20);
  const protocol = random.pick(transports);
  if (kind < 1) return { match: "nothing", why: "for the test", origin };
  if (kind < 3) return { match: "all", protocol: random.pick([...transports, "icmp", 47] as const), origin };
  if (kind < 6) {
    // An echo request has another number in each family.
    const [family, type] = random.pick([["ipv4", 8] as const, ["ipv6", 128] as const]);
    const code = random.pick([0, undefined]);
    return { match: "icmp", family: random.pick([family, undefined]), type, code, origin };
  }
  if (kind < 11)
    return { match: "name", protocol: random.pick([protocol, undefined]), name: random.pick(portNames), origin };
  const from = random.pick([1, 79, 80, 443]);
  return { match: "range", protocol, from, to: random.pick([from, from + random.below(400), 65_535]), origin };
}

function randomRule(random: Random, direction: Direction, origin: Origin, actions: readonly Rule["action"][]): Rule {
  return {
    direction,
    action: random.pick(actions),
    peers: percent(random, 80)
      ? random.list(3, (index) => randomPeer(random, at(origin, `peers[${index}]`)))
      : undefined,
    ports: percent(random, 60)
      ? random.list(2, (index) => randomPort(random, at(origin, `ports[${index}]`)))
      : undefined,
    origin,
    title: "",
  };
}

function at(origin: Origin, path: string): Origin {
  return { ...origin, path: origin.path === "" ? path : `${origin.path}.${path}` };
}

export function randomPolicy(random: Random, name: string): Policy {
  const tier = random.pick([networkTier, networkTier, networkTier, adminTier, baselineTier]);
  const isNetwork = tier === networkTier;
  const namespace = isNetwork ? random.pick(namespaceNames) : "";
  const origin: Origin = { kind: isNetwork ? "NetworkPolicy" : "ClusterNetworkPolicy", namespace, name, path: "" };
  const actions = isNetwork ? (["allow"] as const) : (["allow", "deny", "pass"] as const);
  const rules = (["ingress", "egress"] as const).flatMap((direction) =>
    random.list(2, (index) => randomRule(random, direction, at(origin, `spec.${direction}[${index}]`), actions)),
  );
  return {
    origin,
    tier,
    order: isNetwork ? 0 : random.below(4),
    subject: { namespaces: isNetwork ? { name: namespace } : randomNamespaces(random), pods: randomSelector(random) },
    isolates: isNetwork ? random.pick([["ingress"], ["egress"], ["ingress", "egress"]] as const) : [],
    rules,
    faults: [],
  };
}

export function randomPod(random: Random, index: number): PodEntry {
  const ports = random.list(
    2,
    (): DeclaredPort => ({
      name: random.pick(portNames),
      protocol: random.pick(transports),
      port: random.pick([80, 81, 443]),
    }),
  );
  return {
    namespace: random.pick(namespaceNames),
    name: `pod-${index}`,
    labels: randomLabels(random),
    addresses: [`10.244.0.${index + 1}`, `fd00::${index + 1}`].map(ip),
    ports,
    createdMs: 0,
    isLocal: random.bool(),
  };
}

export function randomNode(random: Random, index: number): NodeEntry {
  return {
    name: `node${index}`,
    labels: randomLabels(random),
    addresses: [`172.30.0.${index}`, `fd00:30::${index}`].map(ip),
    isSelf: `node${index}` === localNode,
  };
}

/** Pods, nodes, policies and the labels of namespaces by their names. */
export class RandomWorld {
  readonly pods = new Map<string, PodEntry>();
  readonly nodes = new Map<string, NodeEntry>();
  readonly namespaces = new Map<string, Labels>();
  readonly policies = new Map<string, readonly Policy[]>();

  constructor(random: Random) {
    for (const name of namespaceNames) this.namespaces.set(name, randomTeam(random));
    for (let index = 0; index < random.int(2, 5); index++) this.pods.set(`pod-${index}`, randomPod(random, index));
    for (let index = 1; index <= 3; index++) this.nodes.set(`node${index}`, randomNode(random, index));
    for (let index = 0; index < random.int(1, 6); index++) {
      this.policies.set(`policy-${index}`, [randomPolicy(random, `policy-${index}`)]);
    }
  }

  /** The ends that a connection over one family may have. */
  parties(family: "ipv4" | "ipv6"): readonly Party[] {
    const own = (addresses: readonly Ip[]) => addresses.filter((each) => familyOf(each) === family);
    return [
      ...[...this.pods.values()].map((pod): Party => ({ ...this.#party(pod), addresses: own(pod.addresses) })),
      ...[...this.nodes.values()].map(
        ({ name, labels, addresses }): Party => ({ party: "node", name, labels, addresses: own(addresses) }),
      ),
      ...outside
        .filter((each) => familyOf(each) === family)
        .map((each): Party => ({ party: "address", addresses: [each] })),
    ];
  }

  #party({ namespace, name, labels, addresses, ports, isLocal }: PodEntry) {
    const namespaceLabels = { "kubernetes.io/metadata.name": namespace, ...this.namespaces.get(namespace) };
    const node = isLocal ? localNode : "node2";
    return { party: "pod", namespace, name, labels, namespaceLabels, addresses, node, ports } as const;
  }
}

export function randomTeam(random: Random): Labels {
  return percent(random, 50) ? { team: random.pick(values) } : {};
}
