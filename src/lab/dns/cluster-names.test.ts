// What names of a small cluster stand for.

import { describe, expect, test } from "bun:test";
import type { Answer } from "dns-packet";
import type { EndpointSlice, Service } from "#kube/kinds.ts";
import { type ClusterNames, lookUp } from "./cluster-names.ts";

function service(name: string, spec: Service["spec"]): Service {
  return { apiVersion: "v1", kind: "Service", metadata: { namespace: "shop", name }, spec: spec ?? {} };
}

const services = [
  service("web", {
    clusterIP: "10.96.0.20",
    clusterIPs: ["10.96.0.20", "fd00:10:96::20"],
    ports: [{ name: "http", port: 80 }],
  }),
  service("db", { clusterIP: "None", ports: [{ name: "sql", port: 5432 }] }),
  service("empty", { clusterIP: "None" }),
  service("outside", { type: "ExternalName", externalName: "www.example.com" }),
];
const slices: readonly EndpointSlice[] = [
  {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { namespace: "shop", name: "db-1" },
    addressType: "IPv4",
    ports: [{ name: "sql", port: 5432, protocol: "TCP" }],
    endpoints: [
      { addresses: ["10.244.1.7"], hostname: "db-0", conditions: { ready: true } },
      { addresses: ["10.244.2.8"], conditions: { ready: true } },
      { addresses: ["10.244.2.9"], hostname: "db-2", conditions: { ready: false } },
    ],
  },
];
const names: ClusterNames = {
  domain: "cluster.local",
  service: (namespace, name) =>
    services.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name),
  slicesOf: ({ metadata }) => (metadata.name === "db" ? slices : []),
  hasNamespace: (name) => name === "shop",
  servicesAt: (address) => {
    if (address === "10.96.0.20" || address === "fd00:10:96::20") return services.slice(0, 1);
    return address.startsWith("10.244.") ? services.slice(1, 2) : [];
  },
};

function text(answer: Answer): string {
  if (answer.type === "SRV") return `${answer.data.port} ${answer.data.target}`;
  return "data" in answer ? String(answer.data) : "";
}

function show(name: string, type: string): string {
  const found = lookUp(name, type, names);
  if (found.found === "alias") return `alias ${found.target}`;
  if (found.found !== "records") return found.found;
  return found.answers.map(text).join(", ");
}

describe("lookUp()", () => {
  const rows: readonly (readonly [name: string, type: string, answer: string])[] = [
    ["web.shop.svc.cluster.local", "A", "10.96.0.20"],
    ["web.shop.svc.cluster.local", "AAAA", "fd00:10:96::20"],
    ["WEB.Shop.svc.cluster.local.", "A", "10.96.0.20"],
    ["web.shop.svc.cluster.local", "MX", ""],
    ["web.shop.svc.cluster.local", "SRV", "80 web.shop.svc.cluster.local"],
    ["_http._tcp.web.shop.svc.cluster.local", "SRV", "80 web.shop.svc.cluster.local"],
    ["_http._udp.web.shop.svc.cluster.local", "SRV", "missing"],
    ["_http._tcp.web.shop.svc.cluster.local", "A", ""],
    ["x.web.shop.svc.cluster.local", "A", "missing"],
    ["db.shop.svc.cluster.local", "A", "10.244.1.7, 10.244.2.8"],
    ["db.shop.svc.cluster.local", "AAAA", ""],
    ["db-0.db.shop.svc.cluster.local", "A", "10.244.1.7"],
    ["10-244-2-8.db.shop.svc.cluster.local", "A", "10.244.2.8"],
    ["db-2.db.shop.svc.cluster.local", "A", "missing"],
    [
      "_sql._tcp.db.shop.svc.cluster.local",
      "SRV",
      "5432 db-0.db.shop.svc.cluster.local, 5432 10-244-2-8.db.shop.svc.cluster.local",
    ],
    ["empty.shop.svc.cluster.local", "A", ""],
    ["outside.shop.svc.cluster.local", "A", "alias www.example.com"],
    ["none.shop.svc.cluster.local", "A", "missing"],
    ["web.other.svc.cluster.local", "A", "missing"],
    ["shop.svc.cluster.local", "A", ""],
    ["other.svc.cluster.local", "A", "missing"],
    ["svc.cluster.local", "A", ""],
    ["cluster.local", "A", ""],
    ["other.cluster.local", "A", "missing"],
    ["10-244-1-7.shop.pod.cluster.local", "A", "10.244.1.7"],
    ["fd00-10-244--7.shop.pod.cluster.local", "AAAA", "fd00:10:244::7"],
    ["10-244-1-7.other.pod.cluster.local", "A", "missing"],
    ["web.shop.pod.cluster.local", "A", "missing"],
    ["dns-version.cluster.local", "TXT", "1.1.0"],
    ["20.0.96.10.in-addr.arpa", "PTR", "web.shop.svc.cluster.local"],
    ["7.1.244.10.in-addr.arpa", "PTR", "db-0.db.shop.svc.cluster.local"],
    ["8.2.244.10.in-addr.arpa", "PTR", "10-244-2-8.db.shop.svc.cluster.local"],
    ["0.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.9.0.0.0.1.0.0.0.0.d.f.ip6.arpa", "PTR", "web.shop.svc.cluster.local"],
    ["7.1.168.192.in-addr.arpa", "PTR", "elsewhere"],
    ["168.192.in-addr.arpa", "PTR", "elsewhere"],
    ["www.example.com", "A", "elsewhere"],
    ["notcluster.local", "A", "elsewhere"],
  ];
  for (const [name, type, answer] of rows) {
    test(`${type} ${name}: ${answer || "nothing of that type"}`, () => expect(show(name, type)).toBe(answer));
  }

  test("gives the addresses of SRV targets along", () => {
    const found = lookUp("_sql._tcp.db.shop.svc.cluster.local", "SRV", names);
    expect(found.found === "records" ? found.additionals.map(text) : []).toEqual(["10.244.1.7", "10.244.2.8"]);
  });
});
