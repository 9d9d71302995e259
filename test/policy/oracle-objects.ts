// The objects that the oracle reads, with the fields that the API's documentation gives them.

export type Labels = Readonly<Record<string, string>>;

export type Selector = {
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
  readonly phase?: string;
  readonly ports: readonly { readonly name: string; readonly containerPort: number; readonly protocol: string }[];
};

export type OracleNode = { readonly name: string; readonly labels: Labels; readonly ips: readonly string[] };

export type OracleService = {
  readonly namespace: string;
  readonly name: string;
  readonly selector: Labels;
  readonly ports: readonly {
    readonly name: string;
    readonly protocol: string;
    readonly port: number;
    readonly targetPort?: number | string;
  }[];
};

export type PolicyPort = { readonly protocol?: string; readonly port?: number | string; readonly endPort?: number };

export type PolicyPeer = {
  readonly podSelector?: Selector;
  readonly namespaceSelector?: Selector;
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
};

/** networking.k8s.io/v1 NetworkPolicy. */
export type OraclePolicy = {
  readonly metadata: { readonly namespace: string; readonly name: string };
  readonly spec: {
    readonly podSelector: Selector;
    readonly policyTypes?: readonly string[];
    readonly ingress?: readonly { readonly from?: readonly PolicyPeer[]; readonly ports?: readonly PolicyPort[] }[];
    readonly egress?: readonly { readonly to?: readonly PolicyPeer[]; readonly ports?: readonly PolicyPort[] }[];
  };
};

export type NamespacedPods = { readonly namespaceSelector: Selector; readonly podSelector: Selector };

export type ClusterPeer = {
  readonly namespaces?: Selector;
  readonly pods?: NamespacedPods;
  readonly nodes?: Selector;
  readonly networks?: readonly string[];
  readonly domainNames?: readonly string[];
};

export type ClusterPorts = {
  readonly destinationPort?: {
    readonly number?: number;
    readonly range?: { readonly start: number; readonly end: number };
  };
};

export type ClusterProtocol = {
  readonly tcp?: ClusterPorts;
  readonly udp?: ClusterPorts;
  readonly sctp?: ClusterPorts;
  readonly destinationNamedPort?: string;
};

/** policy.networking.k8s.io/v1alpha2 ClusterNetworkPolicy. */
export type OracleClusterPolicy = {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly tier: string;
    readonly priority: number;
    readonly subject: { readonly namespaces?: Selector; readonly pods?: NamespacedPods };
    readonly ingress?: readonly ClusterRule<"from">[];
    readonly egress?: readonly ClusterRule<"to">[];
  };
};

export type ClusterRule<List extends string> = {
  readonly action: string;
  readonly protocols?: readonly ClusterProtocol[];
} & { readonly [L in List]: readonly ClusterPeer[] };

export type OracleCluster = {
  readonly namespaces: Readonly<Record<string, Labels>>;
  readonly nodes: readonly OracleNode[];
  readonly pods: readonly OraclePod[];
  readonly services: readonly OracleService[];
  readonly policies: readonly OraclePolicy[];
  readonly clusterPolicies: readonly OracleClusterPolicy[];
};

/** A pod of the cluster, a node itself, or somebody with an address who is neither. */
export type OracleEnd = { readonly pod: OraclePod } | { readonly node: OracleNode } | { readonly ip: string };

/** What is sent to a port; without a port a protocol that has none, as ICMP. */
export type OracleTraffic = { readonly protocol: string; readonly port?: number };
