// Maps of the kernel that have no room: pods keep their last complete policies, what is new stays closed, and others go on.

import { expect, test } from "bun:test";
import type { Endpoint } from "#agent/state/endpoint.ts";
import { Datapath } from "#datapath/datapath.ts";
import { policySet } from "#datapath/policy-format.ts";
import type { PodModel } from "#model/pod.ts";
import { networkTier, type Policy } from "#model/policy/rule.ts";
import { ip } from "#net/ip.ts";
import { mac } from "#net/mac.ts";
import { smallMaps } from "#test/packet-path.ts";
import { Policies } from "./policies.ts";

const local = ["db", "cart", "late"];
const rooms = 3;

function model(name: string, address: string, node: string): PodModel {
  const labels = { app: name };
  return {
    ...{ namespace: "shop", name, uid: name, fileUid: undefined, labels, addresses: [ip(address)], node, ports: [] },
    ...{ hostPorts: [], createdMs: 0, isApart: false, wish: undefined },
  };
}

/** Lets clients with labels app=client-N reach pods with label app=subject, each at a port of its own. */
function policy(subject: string, clients: number): Policy {
  const origin = { kind: "NetworkPolicy", namespace: "shop", name: subject, path: "" };
  const having = (app: string) => [{ key: "app", operator: "In" as const, values: [app] }];
  return {
    ...{ origin, tier: networkTier, order: 0, isolates: ["ingress"], faults: [] },
    subject: { namespaces: { name: "shop" }, pods: having(subject) },
    rules: Array.from({ length: clients }, (_, index) => ({
      ...{ direction: "ingress" as const, action: "allow" as const, origin, title: "" },
      peers: [{ peer: "pods" as const, namespaces: { name: "shop" }, pods: having(`client-${index}`), origin }],
      ports: [{ match: "range" as const, protocol: "tcp" as const, from: 80 + index, to: 80 + index, origin }],
    })),
  };
}

test("a map without room keeps pods as they were, and says so", () => {
  using path = new Datapath({ pins: undefined, sizes: { ...smallMaps, list_choices: rooms } });
  const endpoints = local.map((name, index): Endpoint => {
    const pod = { namespace: "shop", name, uid: name };
    return { containerId: name, ifname: "eth0", pod, ipv4: ip(`10.244.1.${index + 1}`), ipv6: undefined } as Endpoint;
  });
  const policies: Policies = new Policies({
    ...{ datapath: path, cutEstablished: true, remembered: {}, remember: () => {}, log: () => {} },
    carry: (endpoint) => {
      const fixed = { id: 1, ifindex: 1, mtu: 1500, mac: mac("02:00:00:00:00:01"), hostMac: mac("02:00:00:00:00:02") };
      path.setEndpoint({ ...fixed, ipv4: endpoint.ipv4, ipv6: endpoint.ipv6, ...policies.policyOf(endpoint) });
    },
  });
  const setOf = (name: string) => path.policyOf(ip(`10.244.1.${local.indexOf(name) + 1}`))?.policySet;
  for (const [index, name] of local.entries())
    policies.setPod(`shop/${name}`, model(name, `10.244.1.${index + 1}`, "n1"));
  for (let index = 0; index < 5; index++) {
    policies.setPod(`shop/client-${index}`, model(`client-${index}`, `10.244.2.${index + 1}`, "n2"));
  }
  for (const endpoint of endpoints.slice(0, 2)) policies.addEndpoint(endpoint);
  policies.setPolicies("NetworkPolicy shop/db", [policy("db", 2)]);
  policies.begin();
  const complete = setOf("db");
  expect([complete !== policySet.closed && complete !== policySet.open, setOf("cart"), policies.problems]).toEqual([
    true,
    policySet.open,
    [],
  ]);

  policies.setPolicies("NetworkPolicy shop/db", [policy("db", 5)]);
  policies.setPolicies("NetworkPolicy shop/late", [policy("late", 4)]);
  const [, , late] = endpoints;
  if (late !== undefined) policies.addEndpoint(late);
  policies.flush();
  // A new pod is closed until it is told otherwise, and was not told.
  expect([setOf("db"), setOf("late"), setOf("cart")]).toEqual([complete, undefined, policySet.open]);
  expect(policies.problems.join()).toContain("Policies are not complete (list choices: Cannot write");
  expect(late === undefined ? "" : policies.whyNot(late)).toContain("Policies are not complete");
  // A pod that needs no room goes on.
  policies.setPolicies("NetworkPolicy shop/cart", [policy("cart", 0)]);
  policies.flush();
  expect(setOf("cart")).not.toBe(policySet.open);

  policies.setPolicies("NetworkPolicy shop/late", []);
  policies.setPolicies("NetworkPolicy shop/db", [policy("db", 1)]);
  policies.flush();
  policies.retry();
  policies.retry();
  expect([policies.problems, setOf("late")]).toEqual([[], policySet.open]);
  expect([setOf("db") === complete, policies.held.choices.size]).toEqual([false, 1]);
});
