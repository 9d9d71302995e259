// Each trap that a policy falls into has its warning, with its place; good policies have none.

import { describe, expect, test } from "bun:test";
import type { KubeObject } from "#kube/object.ts";
import { worldOf } from "#model/policy/world.ts";
import { lint } from "./lint.ts";
import { formatWarning } from "./warning.ts";

function pod(name: string, labels: object, address: string, more: object = {}): KubeObject {
  const [namespace = "", own = ""] = name.split("/");
  const ports = [
    { name: "http", containerPort: 8080 },
    { name: "dns", containerPort: 53, protocol: "UDP" },
  ];
  return {
    ...{ apiVersion: "v1", kind: "Pod" },
    metadata: { namespace, name: own, labels: labels as Record<string, string> },
    spec: { nodeName: "node1", containers: [{ name: "c", ports }], ...more },
    status: { podIPs: [{ ip: address }, { ip: address.replaceAll(".", ":").replace(/^10:0:0:/, "fd00::") }] },
  };
}

const cast: readonly KubeObject[] = [
  { apiVersion: "v1", kind: "Namespace", metadata: { name: "x" } },
  { apiVersion: "v1", kind: "Namespace", metadata: { name: "y", labels: { team: "blue" } } },
  pod("x/a", { pod: "a" }, "10.0.0.1"),
  pod("x/b", { pod: "b" }, "10.0.0.2"),
  pod("y/a", { pod: "a" }, "10.0.0.3"),
  pod("y/only", { pod: "only" }, "10.0.0.4"),
  pod("x/agent", { pod: "agent" }, "172.30.0.11", { hostNetwork: true }),
  {
    ...{ apiVersion: "v1", kind: "Node", metadata: { name: "node1" } },
    status: { addresses: [{ type: "InternalIP", address: "172.30.0.11" }] },
  },
  {
    ...{ apiVersion: "v1", kind: "Service", metadata: { namespace: "x", name: "a" } },
    spec: { clusterIP: "10.96.0.7", selector: { pod: "a" }, ports: [{ port: 80, targetPort: "http" }] },
  },
];

function warningsOf(...objects: readonly KubeObject[]): readonly string[] {
  const all = [...cast, ...objects];
  return lint(worldOf(all), all).map(formatWarning);
}

function policy(spec: object, name = "p"): KubeObject {
  return { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { namespace: "x", name }, spec };
}

function clusterPolicy(spec: object, name = "p"): KubeObject {
  const usual = { tier: "Admin", priority: 5, subject: { namespaces: {} } };
  return {
    ...{ apiVersion: "policy.networking.k8s.io/v1alpha2", kind: "ClusterNetworkPolicy" },
    ...{ metadata: { name }, spec: { ...usual, ...spec } },
  };
}

/** The cluster's DNS, whose pods listen on `target`; `labels` of its Service. */
function dnsOn(target: number, labels: Record<string, string> = {}): readonly KubeObject[] {
  const ports = ["UDP", "TCP"].map((protocol) => ({ name: protocol, port: 53, protocol, targetPort: target }));
  return [
    {
      ...{ apiVersion: "v1", kind: "Service", metadata: { namespace: "kube-system", name: "kube-dns", labels } },
      spec: { clusterIP: "10.96.0.10", selector: { "k8s-app": "kube-dns" }, ports },
    },
    pod("kube-system/coredns-1", { "k8s-app": "kube-dns" }, "10.0.0.9"),
  ];
}

const onlyA = { podSelector: { matchLabels: { pod: "a" } } };
const onlyB = { podSelector: { matchLabels: { pod: "b" } } };
const incoming = { ...onlyA, policyTypes: ["Ingress"] };
const outgoing = { ...onlyA, policyTypes: ["Egress"] };
const dns = { ports: [{ port: 53, protocol: "UDP" }] };
const toDns = {
  namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } },
  podSelector: { matchLabels: { "k8s-app": "kube-dns" } },
};
const allOf53 = [
  { port: 53, protocol: "UDP" },
  { port: 53, protocol: "TCP" },
];
const everybody = [{ namespaces: {} }];

function from(...peers: readonly object[]): KubeObject {
  return policy({ ...incoming, ingress: [{ from: peers }] });
}

function block(cidr: string, ...except: readonly string[]): object {
  return { ipBlock: { cidr, except } };
}

const rows: readonly (readonly [warning: string, ...objects: KubeObject[]])[] = [
  ["spec.ingress[0].from[0]: it names nobody: this part matches nothing (matches-nothing)", from({})],
  ['spec.ingress[0].from[0]: "10.0.0.0" is no block of addresses like 10.0.0.0/8: this part', from(block("10.0.0.0"))],
  [
    'spec.ingress[0].ports[0]: "ICMP" is no protocol that policies know',
    policy({ ...incoming, ingress: [{ ports: [{ protocol: "ICMP" }] }] }),
  ],
  [
    "spec.ingress[0].ports[0]: endPort 80 is below port 90",
    policy({ ...incoming, ingress: [{ ports: [{ port: 90, endPort: 80 }] }] }),
  ],
  [
    "spec.ingress[0].ports[0]: endPort stands beside a named port",
    policy({ ...incoming, ingress: [{ ports: [{ port: "http", endPort: 80 }] }] }),
  ],
  [
    'spec.ingress[0].ports[0]: "8080" in quotes is a name',
    policy({ ...incoming, ingress: [{ ports: [{ port: "8080" }] }] }),
  ],
  ["spec.ingress[0].from: it is no list", policy({ ...incoming, ingress: [{ from: onlyB }] })],
  ["spec.ingress: it is no list, so it says nothing (misread)", policy({ ...incoming, ingress: { from: [] } })],
  [
    'spec.policyTypes[0]: "ingress" is neither Ingress nor Egress (misread)',
    policy({ ...onlyA, policyTypes: ["ingress"] }),
  ],
  [
    "spec.ingress[0].form: there is no such field, so it says nothing; is from meant? (unknown-field)",
    policy({ ...incoming, ingress: [{ form: [onlyB] }] }),
  ],
  [
    "spec.egress[0].to[0].namespace: there is no such field, so it says nothing; is namespaces meant? (unknown-field)",
    clusterPolicy({ egress: [{ action: "Accept", to: [{ namespace: {} }] }] }),
  ],
  [
    "spec.podSelector: it cannot be read, so the policy is about no pod (misread)",
    policy({ policyTypes: ["Ingress"], podSelector: { matchExpressions: [{ key: "a", operator: "Is" }] } }),
  ],
  [
    "spec.podSelector: it selects no pod (selects-nothing)",
    policy({ ...incoming, podSelector: { matchLabels: { pod: "z" } } }),
  ],
  [
    "spec.podSelector: x/agent is on its node's network, where no policy is about it (host-network)",
    policy({ ...incoming, podSelector: { matchLabels: { pod: "agent" } } }),
  ],
  [
    "spec.podSelector: it is about every pod of namespace x (selects-all)",
    policy({ podSelector: {}, policyTypes: ["Ingress"], ingress: [{ from: [onlyB] }] }),
  ],
  ["spec.policyTypes: policyTypes is missing and means ingress: say it (types-missing)", policy(onlyA)],
  ["spec.policyTypes: policyTypes is missing and means ingress and egress", policy({ ...onlyA, egress: [dns] })],
  [
    "spec.egress: egress is empty, which without policyTypes means nothing, and its pods may open any connection: add Egress to policyTypes to deny that (empty-egress)",
    policy({ ...onlyA, egress: [] }),
  ],
  [
    "spec.egress: policyTypes does not have Egress, so these rules say nothing (rules-unused)",
    policy({ ...incoming, egress: [dns] }),
  ],
  [
    "spec.ingress[1]: it allows everything, so the other rules of ingress say nothing (allows-all)",
    policy({ ...incoming, ingress: [{ from: [onlyB] }, {}] }),
  ],
  [
    "spec.ingress[0].from[1]: a namespaceSelector and a podSelector stand in two items",
    from(onlyB, { namespaceSelector: {} }),
  ],
  [
    "spec.ingress[0].from[0]: no pod is this peer, pods pod=none of namespace x (peer-nobody)",
    from({ podSelector: { matchLabels: { pod: "none" } } }),
  ],
  [
    "y/only would be, were its namespace selected (peer-nobody)",
    from({ podSelector: { matchLabels: { pod: "only" } } }),
  ],
  [
    "no namespace has name=y, whose name is its label kubernetes.io/metadata.name (peer-nobody)",
    from({ namespaceSelector: { matchLabels: { name: "y" } } }),
  ],
  [
    "10.0.0.0/24 has pods of this cluster in it, which it allows as well (block-covers-pods)",
    from(block("10.0.0.0/24")),
  ],
  ["10.9.0.7/24 is not the beginning of its block: it means 10.9.0.0/24 (block-host-bits)", from(block("10.9.0.7/24"))],
  [
    "10.8.0.0/24 is no part of 10.9.0.0/24, so it cannot be excepted from it (except-outside)",
    from(block("10.9.0.0/24", "10.8.0.0/24")),
  ],
  [
    "10.9.0.0/25 is excepted here, and allowed by 10.9.0.0/16 beside it: all items count (except-allowed)",
    from(block("10.9.0.0/24", "10.9.0.0/25"), block("10.9.0.0/16")),
  ],
  [
    "10.96.0.7/32 has the address of service x/a: policies see the pods behind it, so name those (block-of-service)",
    policy({ ...outgoing, egress: [dns, { to: [block("10.96.0.7/32")] }] }),
  ],
  ["0.0.0.0/0 is one address family, and pods of this cluster have both (one-family)", from(block("0.0.0.0/0"))],
  ["it has 1001 peers", from(...Array.from({ length: 1001 }, (_, i) => block(`10.9.${i >> 8}.${i & 255}/32`)))],
  [
    "spec.ingress[0].ports[0]: no pod that it is for declares a port metrics of tcp (port-nobody)",
    policy({ ...incoming, ingress: [{ ports: [{ port: "metrics" }] }] }),
  ],
  [
    "declares a port dns of tcp: x/a declares it of udp (port-nobody)",
    policy({ ...incoming, ingress: [{ ports: [{ port: "dns" }] }] }),
  ],
  [
    "80 is the port of service x/a, and its pods listen on 8080: policies see the pods' port (port-of-service)",
    policy({ ...incoming, ingress: [{ ports: [{ port: 80 }] }] }),
  ],
  ["declares port 81 of tcp (port-nobody)", policy({ ...incoming, ingress: [{ ports: [{ port: 81 }] }] })],
  [
    "port http is a name, which only pods have: give its number (name-of-no-pod)",
    policy({ ...outgoing, egress: [dns, { to: [block("192.0.2.0/24")], ports: [{ port: "http" }] }] }),
  ],
  [
    "spec.egress: nothing allows egress to port 53: names cannot be looked up (dns-forgotten)",
    policy({ ...outgoing, egress: [{ to: [onlyB], ports: [{ port: 8080 }] }] }),
  ],
  [
    "only TCP is allowed to port 53, and names are asked for by UDP",
    policy({ ...outgoing, egress: [{ ports: [{ port: 53 }] }] }),
  ],
  [
    "NetworkPolicy x/p spec.egress: port 53 is open, but not to port 53 of the pods of service kube-system/kube-dns: names cannot be looked up (dns-forgotten)",
    policy({ ...outgoing, egress: [{ to: [onlyB], ports: allOf53 }] }),
    ...dnsOn(53),
  ],
  [
    "port 53 is open, but not to port 53 of the pods of service kube-system/kube-dns",
    policy({ ...outgoing, egress: [{ to: [block("10.96.0.10/32")], ports: allOf53 }] }),
    ...dnsOn(53),
  ],
  [
    "port 53 is open, but not to port 5353 of the pods of service kube-system/kube-dns",
    policy({ ...outgoing, egress: [{ to: [toDns], ports: allOf53 }] }),
    ...dnsOn(5353),
  ],
  [
    "port 53 is open, but not to port 53 of service kube-system/kube-dns: names cannot be looked up (dns-forgotten)",
    policy({ ...outgoing, egress: [{ to: [toDns], ports: allOf53 }] }),
    ...dnsOn(53, { "service.kubernetes.io/service-proxy-name": "somebody" }),
  ],
  [
    "only UDP is allowed to port 53 of service kube-system/kube-dns: long answers, which come by TCP, are lost",
    policy({ ...outgoing, egress: [{ to: [toDns], ...dns }] }),
    ...dnsOn(53),
  ],
  [
    "only TCP is allowed to port 53 of service kube-system/kube-dns, and names are asked for by UDP",
    policy({ ...outgoing, egress: [{ to: [toDns], ports: [{ port: 53 }] }] }),
    ...dnsOn(53),
  ],
  [
    "spec.egress: nothing allows egress to port 53: names cannot be looked up (dns-forgotten)",
    policy({ ...outgoing, egress: [{ to: [toDns], ports: [{ port: 8080 }] }] }),
    ...dnsOn(53),
  ],
  [
    "it denies UDP to port 5353 of kube-system/coredns-1: names cannot be looked up (dns-forgotten)",
    clusterPolicy({ egress: [{ action: "Deny", to: everybody }] }),
    ...dnsOn(5353),
  ],
  ["it is written more than once", policy(incoming), policy(incoming)],
  [
    "ClusterNetworkPolicy p spec.egress[0]: it denies UDP to port 53 of kube-system/kube-dns: names cannot be looked up (dns-forgotten)",
    clusterPolicy({ egress: [{ action: "Deny", to: everybody }] }),
  ],
  [
    "ClusterNetworkPolicy q spec.priority: ClusterNetworkPolicy p has priority 5 as well and is about the same pods",
    clusterPolicy({ ingress: [{ action: "Pass", from: everybody }] }),
    clusterPolicy({ ingress: [{ action: "Deny", from: [{ nodes: {} }] }] }, "q"),
  ],
  [
    "spec.ingress[1]: it is never asked: ClusterNetworkPolicy p spec.ingress[0] comes first, is about the same, and says deny (never-asked)",
    clusterPolicy({
      ingress: [
        { action: "Deny", from: everybody },
        { action: "Accept", from: everybody },
      ],
    }),
  ],
  [
    'spec.tier: "Network" is neither Admin nor Baseline, so the policy is about no pod',
    clusterPolicy({ tier: "Network" }),
  ],
  ["spec.priority: 2000 is not 0 to 1000, so it is asked last", clusterPolicy({ priority: 2000 })],
  ["spec.subject: it has not one of namespaces and pods that can be read", clusterPolicy({ subject: {} })],
  [
    "spec.egress[0].to[0]: names of domains are not supported: this part matches nothing",
    clusterPolicy({ egress: [{ action: "Accept", to: [{ domainNames: ["example.org"] }] }] }),
  ],
  [
    'spec.egress[0].to[0].networks[0]: "10.0.0.0" is no block of addresses like 10.0.0.0/8: the rule denies all (misread)',
    clusterPolicy({ egress: [{ action: "Deny", to: [{ networks: ["10.0.0.0"] }] }] }),
  ],
  [
    "spec.ingress[0].from[0]: it has not one of namespaces, pods: the rule denies all (misread)",
    clusterPolicy({ ingress: [{ action: "Pass", from: [{ nodes: {} }] }] }),
  ],
  [
    'spec.ingress[0].action: "Allow" is none of Accept, Deny and Pass',
    clusterPolicy({ ingress: [{ action: "Allow", from: everybody }] }),
  ],
  [
    "AdminNetworkPolicy old: AdminNetworkPolicy v1alpha1 is not read, so nothing of it is in force: write a ClusterNetworkPolicy of v1alpha2 with tier Admin (superseded)",
    { apiVersion: "policy.networking.k8s.io/v1alpha1", kind: "AdminNetworkPolicy", metadata: { name: "old" } },
  ],
  [
    "CiliumNetworkPolicy of cilium.io is not read, so nothing of it is in force (foreign)",
    { apiVersion: "cilium.io/v2", kind: "CiliumNetworkPolicy", metadata: { namespace: "x", name: "other" } },
  ],
];

describe("lint() warns", () => {
  for (const [warning, ...objects] of rows) {
    test(warning, () => expect(warningsOf(...objects).join("\n")).toContain(warning));
  }

  test("of nothing in good policies", () => {
    const both = { podSelector: { matchLabels: { pod: "b" } }, policyTypes: ["Ingress", "Egress"] };
    const good = [
      policy({ ...incoming, ingress: [{ from: [onlyB], ports: [{ port: "http" }, { port: 8080 }] }] }, "one"),
      policy({ ...both, ingress: [], egress: [dns, { to: [onlyA], ports: [{ port: 8080 }] }] }, "two"),
      policy({ podSelector: {}, policyTypes: ["Ingress"] }, "three"),
      clusterPolicy({ ingress: [{ action: "Deny", from: [{ pods: { namespaceSelector: {}, ...onlyB } }] }] }),
    ];
    expect(warningsOf(...good)).toEqual([]);
  });

  test("of nothing where the cluster's DNS can be asked, by whichever policy", () => {
    const egress = [{ to: [toDns], ports: allOf53 }];
    const shared = policy({ podSelector: {}, policyTypes: ["Egress"], egress }, "shared");
    const closed = policy({ ...outgoing, egress: [{ to: [onlyB], ports: [{ port: 8080 }] }] }, "closed");
    expect(warningsOf(shared, closed, ...dnsOn(53)).filter((text) => text.includes("dns-forgotten"))).toEqual([]);
    const left = dnsOn(53, { "service.kubernetes.io/service-proxy-name": "somebody" });
    const byAddress = policy({ ...outgoing, egress: [{ to: [block("10.96.0.10/32")], ports: allOf53 }] });
    expect(warningsOf(byAddress, ...left).filter((text) => text.includes("dns-forgotten"))).toEqual([]);
  });
});
