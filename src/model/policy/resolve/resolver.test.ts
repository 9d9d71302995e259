// Single cases of the resolver that random clusters rarely meet.

import { describe, expect, test } from "bun:test";
import { networkTier, type Peer, type Policy } from "#model/policy/rule.ts";
import { cidr } from "#net/cidr.ts";
import { ip } from "#net/ip.ts";
import type { PodEntry } from "./population.ts";
import { type Identity, Resolver } from "./resolver.ts";

const origin = { kind: "NetworkPolicy", namespace: "shop", name: "db", path: "" };
const web: Peer = {
  peer: "pods",
  namespaces: { name: "shop" },
  pods: [{ key: "app", operator: "In", values: ["web"] }],
  origin,
};

/** Isolates the pods of namespace shop with label app=db but for these peers. */
function policyFrom(...peers: readonly Peer[]): Policy {
  return {
    origin,
    tier: networkTier,
    order: 0,
    subject: { namespaces: { name: "shop" }, pods: [{ key: "app", operator: "In", values: ["db"] }] },
    isolates: ["ingress"],
    rules: [{ direction: "ingress", action: "allow", peers, ports: undefined, origin, title: "" }],
    faults: [],
  };
}

function pod(app: string, address: string, changes: Partial<PodEntry> = {}): PodEntry {
  const labels = { app };
  return {
    namespace: "shop",
    name: app,
    labels,
    addresses: [ip(address)],
    ports: [],
    createdMs: 0,
    isLocal: false,
    ...changes,
  };
}

/** With a database on this node that a policy isolates. */
function shop(policy: Policy): Resolver {
  const resolver = new Resolver();
  resolver.setPod("db", pod("db", "10.0.0.1", { isLocal: true }));
  resolver.setPolicies("shop/db", [policy]);
  resolver.resolve();
  return resolver;
}

function says(resolver: Resolver, identity: Identity | undefined): string {
  const set = resolver.setOf("db");
  if (typeof set !== "object") return String(set);
  const list = (typeof identity === "object" ? set.ingress.choices.get(identity) : undefined) ?? set.ingress.rest;
  return list.entries.some(({ allow }) => allow) ? "allowed" : "denied";
}

describe("Resolver", () => {
  const reuse: readonly (readonly [what: string, first: PodEntry, second: PodEntry, says: string])[] = [
    ["the newer of two pods", pod("web", "10.0.0.9"), pod("cart", "10.0.0.9", { createdMs: 1 }), "denied"],
    ["the newer one, told first", pod("web", "10.0.0.9", { createdMs: 1 }), pod("cart", "10.0.0.9"), "allowed"],
    ["of two as old the last told", pod("cart", "10.0.0.9"), pod("web", "10.0.0.9"), "allowed"],
  ];
  for (const [what, first, second, expected] of reuse) {
    test(`an address has ${what}`, () => {
      const resolver = shop(policyFrom(web));
      resolver.setPod("first", first);
      resolver.setPod("second", second);
      resolver.resolve();
      expect(says(resolver, resolver.identityOf(ip("10.0.0.9")))).toBe(expected);
      resolver.setPod("first", undefined);
      resolver.setPod("second", undefined);
      resolver.resolve();
      expect(resolver.identityOf(ip("10.0.0.9"))).toBeUndefined();
    });
  }

  test("a node's address is its own, whoever claims it", () => {
    const resolver = shop(policyFrom(web));
    resolver.setPod("web", pod("web", "172.30.0.1", { createdMs: 1 }));
    resolver.setNode("n1", { name: "n1", labels: {}, addresses: [ip("172.30.0.1")], isSelf: true });
    resolver.resolve();
    expect(resolver.identityOf(ip("172.30.0.1"))).toBe("self");
  });

  test("pods that policies in force do not tell apart need no identity", () => {
    const resolver = shop(policyFrom(web));
    resolver.setPod("cart", pod("cart", "10.0.0.2"));
    resolver.setPolicies("shop/elsewhere", [{ ...policyFrom(), subject: { namespaces: { name: "x" }, pods: [] } }]);
    resolver.resolve();
    expect([resolver.identityOf(ip("10.0.0.2")), resolver.classCount]).toEqual([undefined, 0]);
    resolver.setPod("web", pod("web", "10.0.0.3"));
    resolver.resolve();
    expect(resolver.classCount).toBe(1);
  });

  test("a label that no policy mentions changes nothing", () => {
    const resolver = shop(policyFrom(web));
    resolver.setPod("web", pod("web", "10.0.0.3"));
    resolver.resolve();
    const before = resolver.identityOf(ip("10.0.0.3"));
    resolver.setPod("web", pod("web", "10.0.0.3", { labels: { app: "web", hash: "1234" } }));
    resolver.resolve();
    expect(resolver.identityOf(ip("10.0.0.3"))).toBe(before as never);
  });

  test("a pod in a block that means nothing else to it needs no entry of its own", () => {
    const resolver = shop(
      policyFrom({ peer: "block", block: cidr("10.0.0.0/8"), except: [cidr("10.1.0.0/16")], origin }),
    );
    resolver.setPod("web", pod("web", "10.0.0.3"));
    resolver.setPod("hole", pod("web", "10.1.0.3"));
    resolver.resolve();
    expect(resolver.identityOf(ip("10.0.0.3"))).toBeUndefined();
    expect(says(resolver, resolver.identityOfBlock(cidr("10.0.0.0/8")))).toBe("allowed");
    expect([resolver.identityOf(ip("10.1.0.3")), resolver.identityOfBlock(cidr("10.1.0.0/16"))]).toEqual([
      undefined,
      "other",
    ]);
  });

  test("addresses that are excepted from a large block are one entry each", () => {
    const except = [cidr("16.0.0.1/32"), cidr("31.255.255.254/32")];
    const resolver = shop(policyFrom({ peer: "block", block: cidr("16.0.0.0/4"), except, origin }));
    const { blocks } = resolver.allChanges();
    expect([...blocks].sort()).toEqual([cidr("16.0.0.0/4"), ...except].sort());
    expect(resolver.classCount).toBe(1);
  });

  test("a block of all IPv6 addresses has no IPv4 address, though maps hold both in one form", () => {
    const resolver = shop(policyFrom({ peer: "block", block: cidr("::/0"), except: [], origin }));
    expect(resolver.identityOfBlock(cidr("0.0.0.0/0"))).toBe("other");
    expect(says(resolver, resolver.identityOfBlock(cidr("::/0")))).toBe("allowed");
    resolver.setPolicies("shop/db", []);
    resolver.resolve();
    resolver.retire();
    expect(resolver.identityOfBlock(cidr("0.0.0.0/0"))).toBeUndefined();
  });

  test("what an old set needs stays until it is retired", () => {
    const resolver = shop(policyFrom(web));
    resolver.setPod("web", pod("web", "10.0.0.3"));
    resolver.resolve();
    const before = resolver.setOf("db");
    resolver.setPolicies("shop/db", []);
    resolver.resolve();
    expect([resolver.setOf("db"), resolver.hasIdle, resolver.classCount]).toEqual(["open", true, 1]);
    resolver.setPolicies("shop/db", [policyFrom(web)]);
    resolver.resolve();
    expect(resolver.setOf("db")).toBe(before as never);
    expect(resolver.hasIdle).toBe(false);
  });
});
