// A cluster of many pods with the policies that people write: for what resolves them and for what enforces them.

import { fromNetworkPolicy } from "#model/policy/network-policy.ts";
import type { Labels } from "#model/policy/party.ts";
import type { PodEntry } from "#model/policy/resolve/population.ts";
import { ipFromBytes } from "#net/ip.ts";

export const podsPerNamespace = 100;
const podsPerApp = 10;
const podsPerNode = 110;
const teams = 50;

/** `ns-3` */
export function namespaceOf(index: number): string {
  return `ns-${Math.floor(index / podsPerNamespace)}`;
}

/** Of the namespace with this number. */
export function labelsOf(namespace: number): Labels {
  return { team: `team-${namespace % teams}` };
}

// Rows of pods share what is the same.
const portsOf = [8080, 8081].map((port) => [{ name: "http", protocol: "tcp", port }] as const);

/** Pods of ten applications a namespace, half of them in front; `everywhere`: all are of this node. */
export function podAt(
  index: number,
  { everywhere }: { readonly everywhere: boolean },
  extra: Readonly<Record<string, string>> = {},
): PodEntry {
  const app = Math.floor((index % podsPerNamespace) / podsPerApp);
  const name = `app-${app}-${index}`;
  const labels = {
    app: `app-${app}`,
    tier: app % 2 === 0 ? "front" : "back",
    "pod-template-hash": `h${app}`,
    "pod-name": name,
    ...extra,
  };
  const address = ipFromBytes(Uint8Array.of(10, (index >> 16) & 0xff, (index >> 8) & 0xff, index & 0xff));
  const ports = portsOf[app % 2] ?? [];
  // Pods of a namespace are spread over the nodes; each app has pods on this one.
  const isLocal = everywhere || index % 911 < 1 || index < podsPerNode / 2;
  return { namespace: namespaceOf(index), name, labels, addresses: [address], ports, createdMs: 0, isLocal };
}

/** The policy of `policyObjectAt`, as it is read. */
export function policyAt(index: number, namespaces: number) {
  return fromNetworkPolicy(policyObjectAt(index, namespaces) as never);
}

/** What people write: nothing unless allowed, neighbours by label, other teams, names of ports, blocks with holes, DNS. */
export function policyObjectAt(index: number, namespaces: number) {
  const namespace = `ns-${index % namespaces}`;
  const kind = Math.floor(index / namespaces) % podsPerApp;
  const app = { matchLabels: { app: `app-${kind}` } };
  const specs = [
    { podSelector: {}, policyTypes: ["Ingress"] },
    {
      podSelector: app,
      ingress: [{ from: [{ podSelector: { matchLabels: { tier: "front" } } }], ports: [{ port: "http" }] }],
    },
    {
      podSelector: app,
      ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: `team-${index % teams}` } } }] }],
    },
    {
      podSelector: app,
      policyTypes: ["Egress"],
      egress: [{ to: [{ ipBlock: { cidr: `10.${index % 250}.0.0/16`, except: [`10.${index % 250}.7.0/24`] } }] }],
    },
    {
      podSelector: app,
      policyTypes: ["Egress"],
      egress: [
        {
          to: [
            {
              namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "ns-0" } },
              podSelector: { matchLabels: { app: "app-0" } },
            },
          ],
          ports: [{ protocol: "UDP", port: 53 }],
        },
      ],
    },
    { podSelector: app, ingress: [{ from: [{ podSelector: {} }], ports: [{ port: 8000, endPort: 9000 }] }] },
  ];
  const spec = specs[kind % specs.length] ?? {};
  const metadata = { namespace, name: `policy-${index}` };
  return { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata, spec };
}
