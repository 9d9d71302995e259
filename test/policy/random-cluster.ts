// Random clusters and policies, small enough that everything meets everything.

import type { Random } from "#test/random.ts";
import type {
  ClusterPeer,
  ClusterProtocol,
  OracleCluster,
  OracleClusterPolicy,
  OracleEnd,
  OracleNode,
  OraclePod,
  OraclePolicy,
  OracleService,
  OracleTraffic,
} from "./oracle-objects.ts";

const keys = ["app", "tier"];
const values = ["web", "db", "cart"];
export const namespaces = ["x", "y", "z"];
export const portNumbers = [80, 81, 443];
export const portNames = ["http", "admin"];
const protocols = ["TCP", "UDP", "SCTP"];
const outsideAddresses = ["203.0.113.10", "10.244.7.7", "2001:db8::1"];
const usualBlocks = [
  "10.244.0.0/16",
  "10.244.0.0/30",
  "10.244.0.2/32",
  "172.30.0.0/24",
  "0.0.0.0/0",
  "203.0.113.0/24",
  "::/0",
  "fd00::/64",
  "2001:db8::/32",
];
const nodes: readonly OracleNode[] = [
  { name: "node1", labels: { role: "worker" }, ips: ["172.30.0.11", "fd30::11"] },
  { name: "node2", labels: {}, ips: ["172.30.0.12", "fd30::12"] },
];

/** Whether something happens that does so in `percent` of all cases. */
function happens(random: Random, percent: number): boolean {
  return random.below(100) < percent;
}

function maybe<T>(random: Random, percent: number, make: () => T): T | undefined {
  return happens(random, percent) ? make() : undefined;
}

export function labelsOf(random: Random): Record<string, string> {
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

function peerOf(random: Random, blocks: readonly string[]) {
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

function policyOf(random: Random, index: number, blocks: readonly string[]): OraclePolicy {
  const ingress = maybe(random, 60, () =>
    random.list(2, () => ({
      ...maybe(random, 80, () => ({ from: random.list(3, () => peerOf(random, blocks)) })),
      ...maybe(random, 60, () => ({ ports: random.list(2, () => portOf(random)) })),
    })),
  );
  const egress = maybe(random, 50, () =>
    random.list(2, () => ({
      ...maybe(random, 80, () => ({ to: random.list(3, () => peerOf(random, blocks)) })),
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

function clusterPolicyOf(random: Random, index: number, blocks: readonly string[]): OracleClusterPolicy {
  const namespacesOrPods = () =>
    random.bool()
      ? { namespaces: namespaceSelectorOf(random) }
      : { pods: { namespaceSelector: namespaceSelectorOf(random), podSelector: selectorOf(random) } };
  const rule = () => ({
    action: random.pick(["Accept", "Deny", "Deny", "Pass"]),
    ...maybe(random, 50, () => ({
      protocols: [clusterProtocolOf(random), ...random.list(1, () => clusterProtocolOf(random))],
    })),
  });
  const peers = (egress: boolean): readonly ClusterPeer[] =>
    [0, ...random.list(2, () => 0)].map((): ClusterPeer => {
      // Something of a later version of the API.
      if (happens(random, 12)) return { somebody: {} } as ClusterPeer;
      const kind = random.below(10);
      if (!egress || kind < 5) return namespacesOrPods();
      if (kind < 7) return { nodes: random.pick([{}, { matchLabels: { role: "worker" } }]) };
      if (kind < 8) return { domainNames: ["*.example.org"] };
      return { networks: [random.pick(blocks), ...random.list(1, () => random.pick(blocks))] };
    });
  const ingress = maybe(random, 60, () => random.list(3, () => ({ ...rule(), from: peers(false) })));
  const egress = maybe(random, 60, () => random.list(3, () => ({ ...rule(), to: peers(true) })));
  return {
    metadata: { name: `cluster-${index}` },
    spec: {
      tier: random.pick(["Admin", "Baseline"]),
      // Which of two of one priority is asked first the API leaves open.
      priority: random.below(100) * 10 + index,
      subject: namespacesOrPods(),
      ...(ingress && { ingress }),
      ...(egress && { egress }),
    },
  };
}

function clusterProtocolOf(random: Random): ClusterProtocol {
  if (happens(random, 20)) return { destinationNamedPort: random.pick(portNames) };
  const start = random.pick(portNumbers);
  const destinationPort = random.pick([
    { number: start },
    { number: start },
    { range: { start, end: start + 1 + random.below(400) } },
    undefined,
  ]);
  return { [random.pick(["tcp", "udp", "sctp"])]: { ...(destinationPort && { destinationPort }) } };
}

function podOf(random: Random, index: number): OraclePod {
  const node = random.pick(nodes);
  const hostNetwork = happens(random, 10);
  const ips = [`10.244.0.${index + 1}`, `fd00::${index + 1}`];
  const phase = happens(random, 8) ? random.pick(["Succeeded", "Failed"]) : "Running";
  return {
    namespace: random.pick(namespaces),
    name: `pod-${index}`,
    labels: labelsOf(random),
    // Some have one family only.
    ips: hostNetwork ? node.ips : happens(random, 15) ? ips.slice(0, 1) : ips,
    node: node.name,
    hostNetwork,
    phase,
    ports: random.list(2, () => ({
      name: random.pick(portNames),
      containerPort: random.pick(portNumbers),
      protocol: random.pick(protocols),
    })),
  };
}

function serviceOf(random: Random, index: number): OracleService {
  return {
    namespace: random.pick(namespaces),
    name: `service-${index}`,
    selector: { [random.pick(keys)]: random.pick(values) },
    ports: [
      { name: "one", protocol: random.pick(protocols), port: 8080, targetPort: random.pick([80, 81, ...portNames]) },
      { name: "two", protocol: random.pick(protocols), port: random.pick(portNumbers) },
    ],
  };
}

/** Policies about any cluster of these labels, ports and blocks. */
export function randomPolicies(
  random: Random,
  blocks: readonly string[] = usualBlocks,
): Pick<OracleCluster, "policies" | "clusterPolicies"> {
  return {
    policies: random.list(4, (index) => policyOf(random, index, blocks)),
    clusterPolicies: happens(random, 60) ? random.list(3, (index) => clusterPolicyOf(random, index, blocks)) : [],
  };
}

/** Labels that namespaces may have beside their names. */
export function randomTeam(random: Random): Record<string, string> {
  return happens(random, 50) ? { team: random.pick(values) } : {};
}

export function randomCluster(random: Random): OracleCluster {
  const named = namespaces.map((name) => [name, { "kubernetes.io/metadata.name": name, ...randomTeam(random) }]);
  return {
    namespaces: Object.fromEntries(named),
    nodes,
    pods: Array.from({ length: random.int(2, 5) }, (_, index) => podOf(random, index)),
    services: random.list(2, (index) => serviceOf(random, index)),
    ...randomPolicies(random),
  };
}

/** All that may be at an end of a connection. What had an address before is nobody's. */
export function endsOf({ pods, nodes }: OracleCluster): readonly OracleEnd[] {
  const living = pods.filter(({ phase }) => phase === "Running");
  const former = pods.filter(({ phase, hostNetwork }) => phase !== "Running" && !hostNetwork).flatMap(({ ips }) => ips);
  return [
    ...living.map((pod) => ({ pod })),
    ...nodes.map((node) => ({ node })),
    ...[...outsideAddresses, ...former].map((ip) => ({ ip })),
  ];
}

export function trafficOf(random: Random): OracleTraffic {
  if (happens(random, 5)) return { protocol: "ICMP" };
  return { protocol: random.pick(protocols), port: random.pick([...portNumbers, 8080]) };
}
