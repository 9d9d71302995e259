// Random clusters and policies, small enough that everything meets everything.

import type { Random } from "#test/random.ts";
import type { OracleCluster, OracleEnd, OraclePod, OraclePolicy } from "./oracle.ts";

const keys = ["app", "tier"];
const values = ["web", "db", "cart"];
const namespaces = ["x", "y", "z"];
const portNumbers = [80, 81, 443];
const portNames = ["http", "admin"];
export const protocols = ["TCP", "UDP", "SCTP"];
export const outsideAddresses = ["203.0.113.10", "10.244.7.7", "2001:db8::1"];
const blocks = [
  "10.244.0.0/16",
  "10.244.0.0/30",
  "10.244.0.2/32",
  "0.0.0.0/0",
  "203.0.113.0/24",
  "::/0",
  "fd00::/64",
  "2001:db8::/32",
];

/** Whether something happens that does so in `percent` of all cases. */
function happens(random: Random, percent: number): boolean {
  return random.below(100) < percent;
}

function maybe<T>(random: Random, percent: number, make: () => T): T | undefined {
  return happens(random, percent) ? make() : undefined;
}

function labelsOf(random: Random): Record<string, string> {
  return Object.fromEntries(keys.flatMap((key) => (happens(random, 70) ? [[key, random.pick(values)]] : [])));
}

function selectorOf(random: Random) {
  const matchLabels = maybe(random, 40, () => ({ [random.pick(keys)]: random.pick(values) }));
  const matchExpressions = maybe(random, 30, () =>
    random.list(2, () => {
      const operator = random.pick(["In", "NotIn", "Exists", "DoesNotExist"]);
      const needsValues = operator === "In" || operator === "NotIn";
      const chosen = [random.pick(values), ...random.list(1, () => random.pick(values))];
      return { key: random.pick(keys), operator, ...(needsValues ? { values: chosen } : {}) };
    }),
  );
  return { ...(matchLabels && { matchLabels }), ...(matchExpressions && { matchExpressions }) };
}

function portOf(random: Random) {
  const protocol = maybe(random, 70, () => random.pick(protocols));
  const kind = random.below(10);
  if (kind < 2) return { ...(protocol && { protocol }) };
  if (kind < 4) return { ...(protocol && { protocol }), port: random.pick(portNames) };
  const port = random.pick(portNumbers);
  const endPort = maybe(random, 30, () => port + random.below(400));
  return { ...(protocol && { protocol }), port, ...(endPort && { endPort }) };
}

function peerOf(random: Random) {
  const kind = random.below(10);
  if (kind < 3) {
    const cidr = random.pick(blocks);
    const family = cidr.includes(":");
    const except = random.list(2, () => random.pick(blocks)).filter((block) => block.includes(":") === family);
    return { ipBlock: { cidr, except } };
  }
  const podSelector = maybe(random, 70, () => selectorOf(random));
  const namespaceSelector = podSelector === undefined || happens(random, 40) ? namespaceSelectorOf(random) : undefined;
  return { ...(podSelector && { podSelector }), ...(namespaceSelector && { namespaceSelector }) };
}

function namespaceSelectorOf(random: Random) {
  if (happens(random, 30)) return {};
  if (happens(random, 50)) return { matchLabels: { "kubernetes.io/metadata.name": random.pick(namespaces) } };
  return { matchExpressions: [{ key: "team", operator: random.pick(["Exists", "DoesNotExist"]) }] };
}

function policyOf(random: Random, index: number): OraclePolicy {
  const ingress = maybe(random, 60, () =>
    random.list(2, () => ({
      ...maybe(random, 80, () => ({ from: random.list(3, () => peerOf(random)) })),
      ...maybe(random, 60, () => ({ ports: random.list(2, () => portOf(random)) })),
    })),
  );
  const egress = maybe(random, 50, () =>
    random.list(2, () => ({
      ...maybe(random, 80, () => ({ to: random.list(3, () => peerOf(random)) })),
      ...maybe(random, 60, () => ({ ports: random.list(2, () => portOf(random)) })),
    })),
  );
  const policyTypes = maybe(random, 50, () => random.pick([["Ingress"], ["Egress"], ["Ingress", "Egress"], []]));
  return {
    metadata: { namespace: random.pick(namespaces), name: `policy-${index}` },
    spec: {
      podSelector: selectorOf(random),
      ...(policyTypes && { policyTypes }),
      ...(ingress && { ingress }),
      ...(egress && { egress }),
    },
  };
}

function podOf(random: Random, index: number): OraclePod {
  return {
    namespace: random.pick(namespaces),
    name: `pod-${index}`,
    labels: labelsOf(random),
    ips: [`10.244.0.${index + 1}`, `fd00::${index + 1}`],
    node: random.pick(["node1", "node2"]),
    hostNetwork: happens(random, 10),
    ports: random.list(2, () => ({
      name: random.pick(portNames),
      containerPort: random.pick(portNumbers),
      protocol: random.pick(protocols),
    })),
  };
}

export function randomCluster(random: Random): OracleCluster {
  const named = namespaces.map((name) => [
    name,
    { "kubernetes.io/metadata.name": name, ...(happens(random, 50) ? { team: random.pick(values) } : {}) },
  ]);
  const pods = Array.from({ length: random.int(2, 5) }, (_, index) => podOf(random, index));
  const policies = random.list(4, () => undefined).map((_, index) => policyOf(random, index));
  return { namespaces: Object.fromEntries(named), pods, policies };
}

/** All that may be at an end of a connection. */
export function endsOf({ pods }: OracleCluster): readonly OracleEnd[] {
  return [...pods.map((pod) => ({ pod })), ...outsideAddresses.map((ip) => ({ ip }))];
}

export const ports = [...portNumbers, 8080];
