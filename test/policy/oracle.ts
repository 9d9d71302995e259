// What policies allow, read from the API's documentation line by line: slow, naive, and without a line of the engine's code.
// Sources: Kubernetes API reference, networking.k8s.io/v1 NetworkPolicy; "Network Policies" and "Service" in the documentation;
// policy.networking.k8s.io/v1alpha2 ClusterNetworkPolicy.

import { inBlock, selects } from "./oracle-match.ts";
import type {
  ClusterPeer,
  ClusterProtocol,
  NamespacedPods,
  OracleCluster,
  OracleClusterPolicy,
  OracleEnd,
  OraclePod,
  OraclePolicy,
  OracleService,
  OracleTraffic,
  PolicyPeer,
  PolicyPort,
} from "./oracle-objects.ts";

/** All that a rule is compared with: who is at the other end, where the connection goes, and over which family. */
type Case = {
  readonly cluster: OracleCluster;
  readonly direction: "Ingress" | "Egress";
  readonly other: OracleEnd;
  readonly target: OracleEnd;
  readonly traffic: OracleTraffic;
  readonly v6: boolean;
};

/** Whether a connection from one end to the other comes about, over addresses of one family. */
export function allows(
  cluster: OracleCluster,
  from: OracleEnd,
  to: OracleEnd,
  traffic: OracleTraffic,
  v6: boolean,
): boolean {
  const source = podOf(from);
  const target = podOf(to);
  // "a Pod cannot block access to itself"
  if (source !== undefined && target === source) return true;
  // "traffic to and from the node where a Pod is running is always allowed"
  if (target !== undefined && nodeOf(from) === target.node) return true;
  if (source !== undefined && nodeOf(to) === source.node) return true;
  const shared = { cluster, target: to, traffic, v6 };
  const egress = source === undefined || mayPass(source, { ...shared, direction: "Egress", other: to });
  const ingress = target === undefined || mayPass(target, { ...shared, direction: "Ingress", other: from });
  return egress && ingress;
}

/** A pod with a network of its own: one that has ended has none any more. */
function podOf(end: OracleEnd): OraclePod | undefined {
  if (!("pod" in end) || end.pod.hostNetwork) return undefined;
  return end.pod.phase === "Succeeded" || end.pod.phase === "Failed" ? undefined : end.pod;
}

/** "hostNetwork pods … traffic is treated as that of the node" */
function nodeOf(end: OracleEnd): string | undefined {
  if ("node" in end) return end.node.name;
  return "pod" in end && end.pod.hostNetwork ? end.pod.node : undefined;
}

/** "Policy tiers are evaluated in the following order: Admin tier, NetworkPolicy tier, Baseline tier." */
function mayPass(subject: OraclePod, asked: Case): boolean {
  const admin = clusterAction("Admin", subject, asked);
  if (admin === "Accept") return true;
  if (admin === "Deny") return false;
  const network = networkPolicies(subject, asked);
  if (network !== undefined) return network;
  return clusterAction("Baseline", subject, asked) !== "Deny";
}

/** Undefined when no NetworkPolicy is about the pod and direction. "v1.NetworkPolicy always makes a final decision for selected pods." */
function networkPolicies(subject: OraclePod, asked: Case): boolean | undefined {
  let isolated = false;
  let allowed = false;
  for (const policy of asked.cluster.policies) {
    if (policy.metadata.namespace !== subject.namespace) continue;
    if (!selects(policy.spec.podSelector, subject.labels)) continue;
    if (!typesOf(policy).includes(asked.direction)) continue;
    isolated = true;
    const rules =
      asked.direction === "Ingress"
        ? (policy.spec.ingress ?? []).map(({ from, ports }) => ({ peers: from, ports }))
        : (policy.spec.egress ?? []).map(({ to, ports }) => ({ peers: to, ports }));
    for (const { peers, ports } of rules) {
      // "If this field is empty or missing, this rule matches all"
      const peerOk = peers === undefined || peers.length === 0 || peers.some((peer) => isPeer(policy, peer, asked));
      const portOk = ports === undefined || ports.length === 0 || ports.some((each) => isPort(each, asked));
      if (peerOk && portOk) allowed = true;
    }
  }
  return isolated ? allowed : undefined;
}

/** "If no policyTypes are specified … Ingress will always be set and Egress will be set if the NetworkPolicy has any egress rules." */
function typesOf({ spec }: OraclePolicy): readonly string[] {
  if (spec.policyTypes !== undefined && spec.policyTypes.length > 0) return spec.policyTypes;
  return (spec.egress ?? []).length > 0 ? ["Ingress", "Egress"] : ["Ingress"];
}

function isPeer(policy: OraclePolicy, peer: PolicyPeer, { cluster, other, v6 }: Case): boolean {
  if (peer.ipBlock !== undefined) {
    const { cidr, except = [] } = peer.ipBlock;
    return addressesOf(other, v6).some((ip) => inBlock(ip, cidr) && !except.some((block) => inBlock(ip, block)));
  }
  const pod = podOf(other);
  if (pod === undefined) return false;
  if (peer.namespaceSelector === undefined) {
    if (peer.podSelector === undefined) return false;
    return pod.namespace === policy.metadata.namespace && selects(peer.podSelector, pod.labels);
  }
  if (!selects(peer.namespaceSelector, cluster.namespaces[pod.namespace] ?? {})) return false;
  return peer.podSelector === undefined || selects(peer.podSelector, pod.labels);
}

function addressesOf(end: OracleEnd, v6: boolean): readonly string[] {
  const ips = "pod" in end ? end.pod.ips : "node" in end ? end.node.ips : [end.ip];
  return ips.filter((ip) => ip.includes(":") === v6);
}

function isPort({ protocol = "TCP", port, endPort }: PolicyPort, { target, traffic }: Case): boolean {
  if (protocol !== traffic.protocol) return false;
  if (port === undefined) return true;
  if (typeof port === "string") return declares(target, port, traffic);
  if (traffic.port === undefined) return false;
  return endPort === undefined ? port === traffic.port : port <= traffic.port && traffic.port <= endPort;
}

/** Whether the pod declares the port of the traffic under a name. */
function declares(target: OracleEnd, name: string, traffic: OracleTraffic): boolean {
  const pod = podOf(target);
  if (pod === undefined) return false;
  return pod.ports.some(
    (each) => each.name === name && each.protocol === traffic.protocol && each.containerPort === traffic.port,
  );
}

/** The first action that is not nothing, of a tier of ClusterNetworkPolicies: "lower priority values have higher precedence", and "a rule that appears at the top … the highest". */
function clusterAction(tier: string, subject: OraclePod, asked: Case): string | undefined {
  const own = asked.cluster.clusterPolicies
    .filter(({ spec }) => spec.tier === tier && isSubject(spec.subject, subject, asked.cluster))
    .toSorted((a, b) => a.spec.priority - b.spec.priority);
  for (const { spec } of own) {
    const rules =
      asked.direction === "Ingress"
        ? (spec.ingress ?? []).map((rule) => ({ ...rule, peers: rule.from }))
        : (spec.egress ?? []).map((rule) => ({ ...rule, peers: rule.to }));
    for (const { action, peers, protocols } of rules) {
      const unknown = peers.some((peer) => isUnknown(peer, asked.direction, action));
      // "For Accept rules, fail closed means: treat the rule as matching no traffic."
      if (unknown && action === "Accept") continue;
      // "For Deny and Pass rules … treat the rule as a 'Deny all' rule."
      if (unknown) return "Deny";
      const peerOk = peers.some((peer) => isClusterPeer(peer, asked));
      const protocolOk = protocols === undefined || protocols.some((each) => isProtocol(each, asked));
      if (peerOk && protocolOk) return action;
    }
  }
  return undefined;
}

/** "Note that host-networked pods are not included in subject selection." */
function isSubject(
  { namespaces, pods }: OracleClusterPolicy["spec"]["subject"],
  pod: OraclePod,
  cluster: OracleCluster,
): boolean {
  if (namespaces !== undefined) return selects(namespaces, cluster.namespaces[pod.namespace] ?? {});
  return pods !== undefined && isNamespacedPod(pods, pod, cluster);
}

function isNamespacedPod(choice: NamespacedPods, pod: OraclePod, cluster: OracleCluster): boolean {
  return (
    selects(choice.namespaceSelector, cluster.namespaces[pod.namespace] ?? {}) &&
    selects(choice.podSelector, pod.labels)
  );
}

/** Peers of egress have three fields that those of ingress do not have; "DomainNames is only supported for Accept rules". */
function isUnknown(peer: ClusterPeer, direction: string, action: string): boolean {
  if (peer.namespaces !== undefined || peer.pods !== undefined) return false;
  if (direction === "Ingress") return true;
  if (peer.domainNames !== undefined) return action !== "Accept";
  return peer.nodes === undefined && peer.networks === undefined;
}

function isClusterPeer(peer: ClusterPeer, { cluster, other, v6 }: Case): boolean {
  if (peer.networks !== undefined) {
    const { networks } = peer;
    return addressesOf(other, v6).some((ip) => networks.some((block) => inBlock(ip, block)));
  }
  if (peer.nodes !== undefined) {
    const name = nodeOf(other);
    const node = cluster.nodes.find((each) => each.name === name);
    return node !== undefined && selects(peer.nodes, node.labels);
  }
  const pod = podOf(other);
  if (pod === undefined) return false;
  if (peer.namespaces !== undefined) return selects(peer.namespaces, cluster.namespaces[pod.namespace] ?? {});
  return peer.pods !== undefined && isNamespacedPod(peer.pods, pod, cluster);
}

function isProtocol({ tcp, udp, sctp, destinationNamedPort }: ClusterProtocol, { target, traffic }: Case): boolean {
  if (destinationNamedPort !== undefined) return declares(target, destinationNamedPort, traffic);
  const own = { TCP: tcp, UDP: udp, SCTP: sctp }[traffic.protocol];
  if (own === undefined) return false;
  if (own.destinationPort === undefined) return true;
  const { number, range } = own.destinationPort;
  if (traffic.port === undefined) return false;
  if (number !== undefined) return number === traffic.port;
  return range !== undefined && range.start <= traffic.port && traffic.port <= range.end;
}

/** Where a connection to a port of a service ends: pods that the selector finds, each at the port that `targetPort` means there. */
export function backendsOf(
  { pods }: OracleCluster,
  { namespace, selector, ports }: OracleService,
  name: string,
): readonly { readonly pod: OraclePod; readonly port: number }[] {
  const wanted = ports.find((each) => each.name === name);
  if (wanted === undefined || Object.keys(selector).length === 0) return [];
  const backends: { pod: OraclePod; port: number }[] = [];
  for (const pod of pods) {
    if (pod.namespace !== namespace || !selects({ matchLabels: selector }, pod.labels)) continue;
    if (pod.phase === "Succeeded" || pod.phase === "Failed") continue;
    // "By default and for convenience, the targetPort is set to the same value as the port field."
    const target = wanted.targetPort ?? wanted.port;
    if (typeof target === "number") backends.push({ pod, port: target });
    else {
      const named = pod.ports.find((each) => each.name === target && each.protocol === wanted.protocol);
      if (named !== undefined) backends.push({ pod, port: named.containerPort });
    }
  }
  return backends;
}
