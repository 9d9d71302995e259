// The form of policies, with what NetworkPolicies and ClusterNetworkPolicies do not say: tiers of other names, ICMP, protocols by number, the world.

import { describe, expect, test } from "bun:test";
import { ip } from "#net/ip.ts";
import { evaluate } from "./evaluate.ts";
import type { Traffic } from "./match.ts";
import type { Party } from "./party.ts";
import { adminTier, baselineTier, byPrecedence, type Policy, type Rule, type Tier } from "./rule.ts";

function origin(name: string) {
  return { kind: "Policy", namespace: "", name, path: "" };
}

function policy(name: string, tier: Tier, order: number, more: Partial<Policy>): Policy {
  const subject = { namespaces: { labels: [] }, pods: [] };
  return { origin: origin(name), tier, order, subject, isolates: [], rules: [], faults: [], ...more };
}

function rule(more: Partial<Rule>): Rule {
  return {
    direction: "ingress",
    action: "allow",
    peers: undefined,
    ports: undefined,
    origin: origin("r"),
    title: "",
    ...more,
  };
}

const pod: Party = {
  ...{ party: "pod", namespace: "x", name: "a", labels: {}, namespaceLabels: {}, ports: [], node: "node1" },
  addresses: [ip("10.0.0.1"), ip("fd00::1")],
};
const world: Party = { party: "address", addresses: [ip("203.0.113.1")] };
const otherNode: Party = { party: "node", name: "node2", labels: {}, addresses: [ip("172.30.0.12")] };
const ping: Traffic = { protocol: "icmp", port: undefined, icmp: { type: 8, code: 0 } };
const web: Traffic = { protocol: "tcp", port: 80 };

describe("evaluate()", () => {
  const middle: Tier = { name: "security", order: 5_000 };
  const deny = rule({ action: "deny" });
  const isolates = ["ingress"] as const;
  const closing = (ports: Rule["ports"]) => policy("p", middle, 1, { isolates, rules: [rule({ ports })] });
  const rows: readonly (readonly [what: string, from: Party, traffic: Traffic, allowed: boolean, ...Policy[]])[] = [
    [
      "a tier between the known ones is asked between them",
      world,
      web,
      false,
      policy("p", baselineTier, 1, { rules: [rule({})] }),
      policy("q", middle, 1, { rules: [deny] }),
    ],
    ["any tier closes in silence where a policy isolates", world, web, false, policy("p", middle, 1, { isolates })],
    ["and is passed by", world, web, true, policy("p", middle, 1, { isolates, rules: [rule({ action: "pass" })] })],
    [
      "deny before allow is an order",
      world,
      web,
      false,
      policy("allow", middle, 1, { isolates, rules: [rule({})] }),
      policy("deny", middle, 0, { rules: [deny] }),
    ],
    [
      "the world is no node",
      otherNode,
      web,
      false,
      policy("p", middle, 1, { isolates, rules: [rule({ peers: [{ peer: "world", origin: origin("w") }] })] }),
    ],
    [
      "and is whoever is neither pod nor node",
      world,
      web,
      true,
      policy("p", middle, 1, { isolates, rules: [rule({ peers: [{ peer: "world", origin: origin("w") }] })] }),
    ],
    [
      "a type of ICMP",
      world,
      ping,
      true,
      closing([{ match: "icmp", type: 8, code: undefined, family: undefined, origin: origin("i") }]),
    ],
    [
      "another type",
      world,
      ping,
      false,
      closing([{ match: "icmp", type: 3, code: undefined, family: undefined, origin: origin("i") }]),
    ],
    [
      "another code",
      world,
      ping,
      false,
      closing([{ match: "icmp", type: 8, code: 1, family: undefined, origin: origin("i") }]),
    ],
    ["all of ICMP", world, ping, true, closing([{ match: "all", protocol: "icmp", origin: origin("i") }])],
    [
      "ICMP is no TCP",
      world,
      web,
      false,
      closing([{ match: "icmp", type: 8, code: undefined, family: undefined, origin: origin("i") }]),
    ],
    [
      "a protocol by its number",
      world,
      { protocol: 47, port: undefined },
      true,
      closing([{ match: "all", protocol: 47, origin: origin("g") }]),
    ],
    ["and no other", world, web, false, closing([{ match: "all", protocol: 47, origin: origin("g") }])],
  ];
  for (const [what, from, traffic, allowed, ...policies] of rows) {
    test(`${what}: ${allowed ? "allowed" : "denied"}`, () => {
      expect(evaluate(policies, from, pod, traffic).allowed).toBe(allowed);
    });
  }
});

describe("byPrecedence()", () => {
  test("goes by tier, order and name, so that it is the same on every node", () => {
    const policies = [
      policy("z", baselineTier, 0, {}),
      policy("b", adminTier, 7, {}),
      policy("a", adminTier, 7, {}),
      policy("c", adminTier, 1, {}),
    ];
    expect(policies.toSorted(byPrecedence).map(({ origin: { name } }) => name)).toEqual(["c", "a", "b", "z"]);
  });
});
