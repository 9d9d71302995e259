// What NetworkPolicies allow, read from the API's documentation line by line: slow, naive, and without a line of the engine's code.
// Source: Kubernetes API reference, networking.k8s.io/v1 NetworkPolicy, and "Network Policies" in the documentation.

type Labels = Readonly<Record<string, string>>;
type Selector = {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
};

export type OraclePod = {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
  readonly ips: readonly string[];
  readonly node: string;
  readonly hostNetwork?: boolean;
  readonly ports: readonly { readonly name: string; readonly containerPort: number; readonly protocol: string }[];
};

type PolicyPort = { readonly protocol?: string; readonly port?: number | string; readonly endPort?: number };
type PolicyPeer = {
  readonly podSelector?: Selector;
  readonly namespaceSelector?: Selector;
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
};
export type OraclePolicy = {
  readonly metadata: { readonly namespace: string; readonly name: string };
  readonly spec: {
    readonly podSelector: Selector;
    readonly policyTypes?: readonly string[];
    readonly ingress?: readonly { readonly from?: readonly PolicyPeer[]; readonly ports?: readonly PolicyPort[] }[];
    readonly egress?: readonly { readonly to?: readonly PolicyPeer[]; readonly ports?: readonly PolicyPort[] }[];
  };
};

export type OracleCluster = {
  readonly namespaces: Readonly<Record<string, Labels>>;
  readonly pods: readonly OraclePod[];
  readonly policies: readonly OraclePolicy[];
};

/** A pod of the cluster, or somebody outside of it with an address. */
export type OracleEnd = { readonly pod: OraclePod } | { readonly ip: string };

/** Whether a connection from one end to a port of the other comes about, over addresses of one family. */
export function allows(
  cluster: OracleCluster,
  from: OracleEnd,
  to: OracleEnd,
  protocol: string,
  port: number,
  v6: boolean,
): boolean {
  const source = "pod" in from && !from.pod.hostNetwork ? from.pod : undefined;
  const target = "pod" in to && !to.pod.hostNetwork ? to.pod : undefined;
  // "a Pod cannot block access to itself"
  if (source !== undefined && target === source) return true;
  // "traffic to and from the node where a Pod is running is always allowed"
  if (target !== undefined && "pod" in from && from.pod.hostNetwork && from.pod.node === target.node) return true;
  if (source !== undefined && "pod" in to && to.pod.hostNetwork && to.pod.node === source.node) return true;
  const egress = source === undefined || mayPass(cluster, source, "Egress", to, to, protocol, port, v6);
  const ingress = target === undefined || mayPass(cluster, target, "Ingress", from, to, protocol, port, v6);
  return egress && ingress;
}

function mayPass(
  cluster: OracleCluster,
  subject: OraclePod,
  direction: "Ingress" | "Egress",
  other: OracleEnd,
  target: OracleEnd,
  protocol: string,
  port: number,
  v6: boolean,
): boolean {
  let isolated = false;
  let allowed = false;
  for (const policy of cluster.policies) {
    if (policy.metadata.namespace !== subject.namespace) continue;
    if (!selects(policy.spec.podSelector, subject.labels)) continue;
    if (!typesOf(policy).includes(direction)) continue;
    isolated = true;
    const rules =
      direction === "Ingress"
        ? (policy.spec.ingress ?? []).map(({ from, ports }) => ({ peers: from, ports }))
        : (policy.spec.egress ?? []).map(({ to, ports }) => ({ peers: to, ports }));
    for (const { peers, ports } of rules) {
      // "If this field is empty or missing, this rule matches all"
      const peerOk =
        peers === undefined || peers.length === 0 || peers.some((peer) => isPeer(cluster, policy, peer, other, v6));
      const portOk =
        ports === undefined || ports.length === 0 || ports.some((each) => isPort(each, target, protocol, port));
      if (peerOk && portOk) allowed = true;
    }
  }
  return !isolated || allowed;
}

/** "If no policyTypes are specified … Ingress will always be set and Egress will be set if the NetworkPolicy has any egress rules." */
function typesOf({ spec }: OraclePolicy): readonly string[] {
  if (spec.policyTypes !== undefined && spec.policyTypes.length > 0) return spec.policyTypes;
  return (spec.egress ?? []).length > 0 ? ["Ingress", "Egress"] : ["Ingress"];
}

function isPeer(
  cluster: OracleCluster,
  policy: OraclePolicy,
  peer: PolicyPeer,
  other: OracleEnd,
  v6: boolean,
): boolean {
  if (peer.ipBlock !== undefined) {
    const ips = "pod" in other ? other.pod.ips : [other.ip];
    const ip = ips.find((each) => each.includes(":") === v6);
    if (ip === undefined || !inBlock(ip, peer.ipBlock.cidr)) return false;
    return !(peer.ipBlock.except ?? []).some((block) => inBlock(ip, block));
  }
  if (!("pod" in other) || other.pod.hostNetwork) return false;
  const { namespace, labels } = other.pod;
  if (peer.namespaceSelector === undefined) {
    if (peer.podSelector === undefined) return false;
    return namespace === policy.metadata.namespace && selects(peer.podSelector, labels);
  }
  if (!selects(peer.namespaceSelector, cluster.namespaces[namespace] ?? {})) return false;
  return peer.podSelector === undefined || selects(peer.podSelector, labels);
}

function isPort(
  { protocol = "TCP", port, endPort }: PolicyPort,
  target: OracleEnd,
  actual: string,
  actualPort: number,
): boolean {
  if (protocol !== actual) return false;
  if (port === undefined) return true;
  if (typeof port === "string") {
    if (!("pod" in target) || target.pod.hostNetwork) return false;
    return target.pod.ports.some(
      (declared) => declared.name === port && declared.protocol === actual && declared.containerPort === actualPort,
    );
  }
  return endPort === undefined ? port === actualPort : port <= actualPort && actualPort <= endPort;
}

/** Labels and selectors: an empty selector selects everything; all parts must hold. */
function selects({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels): boolean {
  for (const key of Object.keys(matchLabels)) if (labels[key] !== matchLabels[key]) return false;
  for (const { key, operator, values = [] } of matchExpressions) {
    const has = key in labels;
    const value = labels[key] ?? "";
    if (operator === "In" && !(has && values.includes(value))) return false;
    if (operator === "NotIn" && has && values.includes(value)) return false;
    if (operator === "Exists" && !has) return false;
    if (operator === "DoesNotExist" && has) return false;
  }
  return true;
}

/** Bit by bit, as strings. */
function inBlock(ip: string, block: string): boolean {
  const [base = "", length = ""] = block.split("/");
  if (base.includes(":") !== ip.includes(":")) return false;
  return bits(ip).slice(0, Number(length)) === bits(base).slice(0, Number(length));
}

function bits(ip: string): string {
  if (!ip.includes(":"))
    return ip
      .split(".")
      .map((part) => Number(part).toString(2).padStart(8, "0"))
      .join("");
  const [head = "", tail] = ip.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const middle = tail === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => "0");
  return [...left, ...middle, ...right].map((part) => Number.parseInt(part, 16).toString(2).padStart(16, "0")).join("");
}
