// NetworkPolicies: their types, and each thing that a rule must not say.

import { describe, expect, test } from "bun:test";
import type { NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec } from "kubernetes-types/networking/v1";
import type { NetworkPolicy } from "#kube/kinds.ts";
import type { RuleContext } from "#lab/apiserver/registry.ts";
import { networkPolicyRules } from "./network-policy.ts";

function policy(spec: Partial<NetworkPolicySpec>): NetworkPolicy {
  const metadata = { namespace: "shop", name: "allow" };
  return { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata, spec: { podSelector: {}, ...spec } };
}

function faults(spec: Partial<NetworkPolicySpec>): readonly string[] {
  return (networkPolicyRules.validate?.(policy(spec), undefined) ?? []).map(
    ({ field, message }) => `${field}: ${message}`,
  );
}

describe("the types of a policy", () => {
  const rows: readonly (readonly [spec: Partial<NetworkPolicySpec>, types: readonly string[]])[] = [
    [{}, ["Ingress"]],
    [{ ingress: [] }, ["Ingress"]],
    [{ egress: [{}] }, ["Ingress", "Egress"]],
    [{ policyTypes: ["Egress"] }, ["Egress"]],
    [{ policyTypes: ["Egress"], ingress: [{}] }, ["Egress"]],
  ];
  for (const [spec, types] of rows) {
    test(`${JSON.stringify(spec)} has ${types}`, () => {
      const context = {} as RuleContext;
      const stored = networkPolicyRules.prepareCreate?.(policy(spec), context) as NetworkPolicy;
      expect(stored.spec?.policyTypes).toEqual([...types]);
    });
  }
});

describe("a policy is refused", () => {
  const from = (peer: NetworkPolicyPeer) => ({ ingress: [{ from: [peer] }] });
  const port = (value: NetworkPolicyPort) => ({ egress: [{ ports: [value] }] });
  const block = (cidr: string, ...except: string[]) => from({ ipBlock: { cidr, except } });
  const rows: readonly (readonly [spec: Partial<NetworkPolicySpec>, fault: string])[] = [
    [from({}), "spec.ingress[0].from[0]: Required value: must specify a peer"],
    [from({ podSelector: {}, ipBlock: { cidr: "10.0.0.0/8" } }), "may not specify both ipBlock and another peer"],
    [block("10.0.0.0"), 'spec.ingress[0].from[0].ipBlock.cidr: Invalid value: "10.0.0.0": must be a valid CIDR value'],
    [block("10.0.0.0/33"), "must be a valid CIDR value"],
    [
      block("10.0.0.0/8", "11.0.0.0/24"),
      'ipBlock.except[0]: Invalid value: "11.0.0.0/24": must be a strict subset of `cidr`',
    ],
    [block("10.0.0.0/8", "10.0.0.0/8"), "must be a strict subset of `cidr`"],
    [block("10.0.0.0/8", "fd00::/64"), "must be a strict subset of `cidr`"],
    [port({ port: 0 }), "spec.egress[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive"],
    [port({ port: "UPPER" }), "spec.egress[0].ports[0].port: Invalid value"],
    [port({ protocol: "ICMP" }), 'spec.egress[0].ports[0].protocol: Unsupported value: "ICMP"'],
    [
      port({ endPort: 90 }),
      "spec.egress[0].ports[0].port: Required value: must be specified when `endPort` is specified",
    ],
    [port({ port: "http", endPort: 90 }), "may not be a string when `endPort` is specified"],
    [port({ port: 80, endPort: 79 }), "endPort: Invalid value: 79: must be greater than or equal to `port`"],
    [{ policyTypes: ["ingress"] }, 'spec.policyTypes[0]: Unsupported value: "ingress"'],
    [
      { podSelector: { matchExpressions: [{ key: "a", operator: "Like" }] } },
      "matchExpressions[0].operator: Invalid value",
    ],
    [
      from({ namespaceSelector: { matchExpressions: [{ key: "a", operator: "In" }] } }),
      "matchExpressions[0].values: Required value",
    ],
  ];
  for (const [spec, fault] of rows) test(fault, () => expect(faults(spec).join("\n")).toContain(fault));

  test("never for what the specification allows", () => {
    expect(
      faults({
        ingress: [
          {
            from: [
              { ipBlock: { cidr: "10.0.0.0/8", except: ["10.1.0.0/16"] } },
              { podSelector: {}, namespaceSelector: {} },
            ],
          },
        ],
        egress: [{ ports: [{ port: 80, endPort: 90 }, { port: "http" }, { protocol: "SCTP" }] }, {}],
        policyTypes: ["Ingress", "Egress"],
      }),
    ).toEqual([]);
  });
});
