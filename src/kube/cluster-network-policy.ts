// ClusterNetworkPolicy of policy.networking.k8s.io as objects carry it: no published types have it.

import type { LabelSelectorObject } from "./selector.ts";

export type ClusterNetworkPolicyTypes = {
  readonly spec?: ClusterNetworkPolicySpec;
  readonly status?: { readonly conditions?: readonly unknown[] };
};

export type ClusterNetworkPolicySpec = {
  /** `Admin` or `Baseline`. */
  readonly tier: string;
  /** 0 to 1000, the lowest first. */
  readonly priority: number;
  /** Has one of its fields. */
  readonly subject: { readonly namespaces?: LabelSelectorObject; readonly pods?: NamespacedPod };
  readonly ingress?: readonly (ClusterRule & { readonly from: readonly ClusterPeer[] })[];
  readonly egress?: readonly (ClusterRule & { readonly to: readonly ClusterPeer[] })[];
};

/** What rules of both directions have; `action` is `Accept`, `Deny` or `Pass`. */
export type ClusterRule = {
  readonly name?: string;
  readonly action: string;
  readonly protocols?: readonly ClusterProtocol[];
};

/** Has one of its fields; ingress knows the first two. */
export type ClusterPeer = {
  readonly namespaces?: LabelSelectorObject;
  readonly pods?: NamespacedPod;
  readonly nodes?: LabelSelectorObject;
  readonly networks?: readonly string[];
  readonly domainNames?: readonly string[];
};

export type NamespacedPod = {
  readonly namespaceSelector?: LabelSelectorObject;
  readonly podSelector?: LabelSelectorObject;
};

/** Has one of its fields. */
export type ClusterProtocol = {
  readonly tcp?: ClusterPorts;
  readonly udp?: ClusterPorts;
  readonly sctp?: ClusterPorts;
  readonly destinationNamedPort?: string;
};

export type ClusterPorts = {
  /** Has one of its fields; a range has both of its ends in it. */
  readonly destinationPort?: {
    readonly number?: number;
    readonly range?: { readonly start: number; readonly end: number };
  };
};
