// The kinds of deploy/crds: an API server takes what the API allows, and says what is wrong with the rest.

import { expect, test } from "bun:test";
import { resolve } from "node:path";
import { KubeClient } from "#kube/client.ts";
import { clusterNetworkPolicies } from "#kube/resource.ts";
import { localTransport } from "#lab/apiserver/local-transport.ts";
import { loadManifests } from "#lab/manifests/load.ts";
import { readManifests } from "#lab/manifests/read.ts";
import { TestApi } from "#test/lab/api.ts";

const folder = resolve(import.meta.dir, "../../deploy/crds");
const everybody = [{ namespaces: {} }];
const good = { tier: "Admin", priority: 10, subject: { namespaces: {} } };

const rows: readonly (readonly [what: string, spec: object, fault: string | undefined])[] = [
  ["a policy without rules", good, undefined],
  [
    "every field",
    {
      ...{ tier: "Baseline", priority: 1000 },
      subject: { pods: { namespaceSelector: { matchLabels: { a: "b" } }, podSelector: {} } },
      ingress: [
        {
          ...{ name: "web", action: "Pass", from: everybody },
          protocols: [
            { tcp: { destinationPort: { number: 80 } } },
            { udp: { destinationPort: { range: { start: 1, end: 65535 } } } },
            { destinationNamedPort: "http" },
          ],
        },
      ],
      egress: [
        { action: "Accept", to: [{ nodes: {} }, { networks: ["10.0.0.0/8", "::/0"] }] },
        { action: "Accept", to: [{ domainNames: ["*.example.org"] }] },
        { action: "Deny", to: [{ pods: { podSelector: {} } }] },
      ],
    },
    undefined,
  ],
  ["no tier", { priority: 1, subject: { namespaces: {} } }, "spec.tier"],
  ["an unknown tier", { ...good, tier: "Network" }, "spec.tier"],
  ["a priority beyond 1000", { ...good, priority: 1001 }, "spec.priority"],
  ["a subject of both kinds", { ...good, subject: { namespaces: {}, pods: { podSelector: {} } } }, "spec.subject"],
  ["a subject of no kind", { ...good, subject: {} }, "spec.subject"],
  ["an unknown action", { ...good, ingress: [{ action: "Allow", from: everybody }] }, "spec.ingress[0].action"],
  ["a rule about nobody", { ...good, ingress: [{ action: "Deny", from: [] }] }, "spec.ingress[0].from"],
  ["a peer of two kinds", { ...good, egress: [{ action: "Deny", to: [{ namespaces: {}, nodes: {} }] }] }, "to[0]"],
  ["no block", { ...good, egress: [{ action: "Deny", to: [{ networks: ["10.0.0.0"] }] }] }, "is no block of addresses"],
  [
    "a range that ends before it starts",
    {
      ...good,
      ingress: [
        {
          ...{ action: "Deny", from: everybody },
          protocols: [{ tcp: { destinationPort: { range: { start: 81, end: 80 } } } }],
        },
      ],
    },
    "the start of a range is below its end",
  ],
  [
    "a named port of a network",
    {
      ...good,
      egress: [{ action: "Deny", to: [{ networks: ["10.0.0.0/8"] }], protocols: [{ destinationNamedPort: "http" }] }],
    },
    "declare no ports that destinationNamedPort could name",
  ],
  [
    "26 rules",
    { ...good, ingress: Array.from({ length: 26 }, () => ({ action: "Deny", from: everybody })) },
    "must have at most 25 items",
  ],
];

test("a ClusterNetworkPolicy is checked when it is written", async () => {
  using api = new TestApi();
  const client = new KubeClient(localTransport(api.server, { username: "t", groups: ["system:masters"] }), "test");
  await loadManifests(readManifests([folder]), {
    ...{ client, namespace: "default", sleep: Bun.sleep, loaded: () => undefined },
  });
  for (const [index, [what, spec, fault]] of rows.entries()) {
    const metadata = { name: `policy-${index}` };
    const write = () => client.create(clusterNetworkPolicies, { metadata, spec: spec as never });
    if (fault === undefined) expect((await write()).spec, what).toEqual(spec as never);
    else expect(String(await write().then(() => "taken", String)), what).toContain(fault);
  }
});
