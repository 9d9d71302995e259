// What is known of all services: as the store has them when somebody first asks, and with every write after that.

import { expect, test } from "bun:test";
import type { ServiceSpec } from "kubernetes-types/core/v1";
import { Indexes } from "./indexes.ts";
import { Allocations } from "./rules/allocations.ts";
import { Store } from "./store/store.ts";

function service(name: string, spec: ServiceSpec) {
  return { apiVersion: "v1", kind: "Service", metadata: { namespace: "shop", name }, spec };
}

test("Indexes keep allocations with every write, and count them again from what a store has", () => {
  using store = new Store({ path: ":memory:" });
  const node = { type: "NodePort", clusterIPs: ["10.96.0.1"], ports: [{ port: 80, nodePort: 30_000 }] };
  const web = store.create("/core/services/shop/web", service("web", node));
  store.create("/core/secrets/shop/x", service("x", { clusterIPs: ["10.96.0.9"] }));
  using indexes = new Indexes(store);
  const taken = indexes.get(Allocations);
  expect(indexes.get(Allocations)).toBe(taken);
  const show = (of = taken) => [
    ...["10.96.0.1", "10.96.0.2", "10.96.0.9"].filter((address) => of.hasAddress(address)),
    ...[30_000, 30_001].filter((port) => of.hasPort(port)),
  ];
  expect(show()).toEqual(["10.96.0.1", 30_000]);
  const ports = [
    { port: 53, nodePort: 30_001 },
    { port: 53, protocol: "UDP", nodePort: 30_001 },
  ];
  const dns = store.create("/core/services/shop/dns", service("dns", { clusterIPs: ["10.96.0.2"], ports }));
  store.update(web.key, service("web", { ...node, type: "ClusterIP", ports: [{ port: 80 }] }), web.revision);
  expect(show()).toEqual(["10.96.0.1", "10.96.0.2", 30_001]);
  // Two that have one address, as no server of ours makes them.
  store.create("/core/services/shop/twin", service("twin", { clusterIPs: ["10.96.0.2"] }));
  store.remove(dns.key, dns.revision);
  expect(show()).toEqual(["10.96.0.1", "10.96.0.2"]);
  using again = new Indexes(store);
  expect(show(again.get(Allocations))).toEqual(show());
});
