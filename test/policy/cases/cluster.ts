// ClusterNetworkPolicies: tiers, priorities and actions, alone and beside NetworkPolicies.

import { type Case, clusterPolicy, ns, open, pod, policy } from "./case.ts";

const namespace = (name: string) => ({ namespaces: { matchLabels: { ns: name } } });
const onePod = (name: string, inNamespace: string) => ({
  pods: { namespaceSelector: { matchLabels: { ns: inNamespace } }, podSelector: { matchLabels: { pod: name } } },
});
const everybody = { namespaces: {} };
const tcp = (number: number) => ({ tcp: { destinationPort: { number } } });

/** About namespace x. */
function ofX(tier: "Admin" | "Baseline", priority: number, name: string, rules: object) {
  return clusterPolicy(name, tier, priority, { subject: namespace("x"), ...rules });
}

export const clusterCases: readonly Case[] = [
  {
    name: "the first rule of a policy counts",
    after: "network-policy-api: gress-rules",
    steps: [
      {
        make: [
          ofX("Admin", 10, "p", {
            ingress: [
              { action: "Accept", from: [onePod("a", "y")] },
              { action: "Deny", from: [namespace("y")] },
            ],
          }),
        ],
        expect: { "*": ["y/a +++ +++ +++", "y/* ... +++ +++", "* +++ +++ +++"] },
      },
      {
        make: [
          ofX("Admin", 10, "p", {
            ingress: [
              { action: "Deny", from: [namespace("y")] },
              { action: "Accept", from: [onePod("a", "y")] },
            ],
          }),
        ],
        expect: { "*": ["y/* ... +++ +++", "* +++ +++ +++"] },
      },
    ],
  },
  {
    name: "of two policies the one of the lower priority value counts",
    after: "network-policy-api: priority",
    steps: [
      {
        make: [
          ofX("Admin", 50, "deny", { ingress: [{ action: "Deny", from: [everybody] }] }),
          ofX("Admin", 60, "accept", { ingress: [{ action: "Accept", from: [everybody] }] }),
        ],
        expect: { "*": ["* ... +++ +++"] },
      },
      {
        make: [ofX("Admin", 40, "accept", { ingress: [{ action: "Accept", from: [everybody] }] })],
        expect: { "*": open },
      },
    ],
  },
  {
    name: "Admin overrules NetworkPolicies, which overrule Baseline",
    after: "network-policy-api: integration",
    steps: [
      {
        make: [ofX("Baseline", 0, "base", { ingress: [{ action: "Deny", from: [everybody] }] })],
        expect: { "*": ["* ... +++ +++"] },
      },
      {
        make: [policy("x/p", { ...pod("a"), policyTypes: ["Ingress"], ingress: [{ from: [ns("y")] }] })],
        expect: { "*": ["y/* +.. +++ +++", "* ... +++ +++"] },
      },
      {
        make: [ofX("Admin", 0, "admin", { ingress: [{ action: "Accept", from: [namespace("z")] }] })],
        expect: { "*": ["y/* +.. +++ +++", "z/* +++ +++ +++", "* ... +++ +++"] },
      },
      {
        make: [
          ofX("Admin", 0, "admin", {
            ingress: [
              { action: "Pass", from: [namespace("z")] },
              { action: "Deny", from: [everybody] },
            ],
          }),
        ],
        expect: { "*": ["* ... +++ +++"] },
      },
      { remove: ["x/p", "base"], expect: { "*": ["z/* +++ +++ +++", "* ... +++ +++"] } },
    ],
  },
  {
    name: "Pass skips the rest of its tier",
    after: "network-policy-api: gress-rules",
    steps: [
      {
        make: [
          ofX("Admin", 1, "pass", { ingress: [{ action: "Pass", from: [namespace("y")] }] }),
          ofX("Admin", 2, "deny", { ingress: [{ action: "Deny", from: [everybody] }] }),
        ],
        expect: { "*": ["y/* +++ +++ +++", "* ... +++ +++"] },
      },
      {
        make: [ofX("Baseline", 1, "base", { ingress: [{ action: "Deny", from: [onePod("b", "y")] }] })],
        expect: { "*": ["y/b ... +++ +++", "y/* +++ +++ +++", "* ... +++ +++"] },
      },
    ],
  },
  {
    name: "ports and protocols of what comes in",
    after: "network-policy-api: ingress-tcp-rules, ingress-udp-rules, ingress-sctp-rules",
    steps: [
      {
        make: [ofX("Admin", 1, "p", { ingress: [{ action: "Deny", from: [everybody], protocols: [tcp(80)] }] })],
        expect: { "tcp/80": ["* ... +++ +++"], "*": open },
      },
      {
        make: [
          ofX("Admin", 1, "p", {
            ingress: [
              {
                action: "Accept",
                from: [everybody],
                protocols: [{ udp: { destinationPort: { range: { start: 79, end: 80 } } } }],
              },
              {
                action: "Deny",
                from: [everybody],
                protocols: [{ udp: { destinationPort: { range: { start: 1, end: 65535 } } } }],
              },
            ],
          }),
        ],
        expect: { "udp/81": ["* ... +++ +++"], "*": open },
      },
      {
        make: [
          ofX("Admin", 1, "p", {
            ingress: [
              { action: "Deny", from: [everybody], protocols: [{ sctp: { destinationPort: { number: 81 } } }] },
            ],
          }),
        ],
        expect: { "sctp/81": ["* ... +++ +++"], "*": open },
      },
    ],
  },
  {
    name: "ports and protocols of what goes out",
    after: "network-policy-api: egress-tcp-rules, egress-udp-rules, egress-sctp-rules",
    steps: [
      {
        make: [
          ofX("Admin", 1, "p", {
            egress: [
              {
                action: "Accept",
                to: [namespace("y")],
                protocols: [tcp(80), { udp: { destinationPort: { number: 81 } } }],
              },
              { action: "Deny", to: [namespace("y")] },
            ],
          }),
        ],
        expect: {
          "tcp/80": open,
          "udp/81": open,
          "*": ["x/* +++ ... +++", "* +++ +++ +++"],
        },
      },
    ],
  },
  {
    name: "a named port is what the destination declares, of whatever protocol",
    after: "network-policy-api: experimental ingress and egress rules",
    steps: [
      {
        make: [
          ofX("Admin", 1, "p", {
            ingress: [{ action: "Deny", from: [everybody], protocols: [{ destinationNamedPort: "serve-81-udp" }] }],
          }),
        ],
        expect: { "udp/81": ["* ... +++ +++"], "*": open },
      },
      {
        make: [
          ofX("Admin", 1, "p", {
            egress: [{ action: "Deny", to: [everybody], protocols: [{ destinationNamedPort: "serve-80-tcp" }] }],
          }),
        ],
        expect: { "tcp/80": ["x/* ... ... ...", "* +++ +++ +++"], "*": open },
      },
    ],
  },
  {
    name: "networks are addresses of pods as well",
    after: "network-policy-api: egress-inline-cidr-rules",
    steps: [
      {
        make: (addressOf) => [
          ofX("Admin", 1, "p", {
            egress: [
              {
                action: "Accept",
                to: [{ networks: [`${addressOf("y/a")}/${addressOf("y/a").includes(":") ? 128 : 32}`] }],
              },
              { action: "Deny", to: [{ networks: [`${addressOf("y/a")}/8`] }] },
            ],
          }),
        ],
        expect: { "*": ["x/* ... +.. ...", "* +++ +++ +++"] },
      },
    ],
  },
  {
    name: "a subject may be pods by their labels",
    after: "network-policy-api: gress-rules",
    steps: [
      {
        make: [
          clusterPolicy("p", "Admin", 1, {
            subject: onePod("b", "y"),
            ingress: [{ action: "Deny", from: [everybody] }],
            egress: [{ action: "Deny", to: [onePod("a", "x")] }],
          }),
        ],
        expect: { "*": ["y/b .++ +++ +++", "* +++ +.+ +++"] },
      },
    ],
  },
  {
    name: "a tier is asked again when a label changes",
    after: "trap 9",
    steps: [
      {
        make: [
          clusterPolicy("p", "Baseline", 1, {
            subject: { namespaces: { matchLabels: { closed: "yes" } } },
            ingress: [{ action: "Deny", from: [everybody] }],
          }),
        ],
        expect: { "*": open },
      },
      { namespaceLabels: { z: { ns: "z", closed: "yes" } }, expect: { "*": ["* +++ +++ ..."] } },
      { namespaceLabels: { z: { ns: "z" } }, expect: { "*": open } },
      { remove: ["p"], expect: { "*": open } },
    ],
  },
];
