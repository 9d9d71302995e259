// What comes in: selectors of pods and namespaces, and policies side by side.

import { type Case, ns, open, pod, policy } from "./case.ts";

const all = { podSelector: {} };
const onlyIngress = { policyTypes: ["Ingress"] };

export const ingressCases: readonly Case[] = [
  {
    name: "a policy without rules closes what comes into its namespace",
    after: "Netpol: default-deny-ingress (also UDP and SCTP); cyclonus rule:deny-all",
    steps: [
      { make: [policy("x/deny", { ...all, ...onlyIngress })], expect: { "*": ["* ... +++ +++"] } },
      { remove: ["x/deny"], expect: { "*": open } },
    ],
  },
  {
    name: "without policyTypes a policy is about what comes in, even with an empty list of egress",
    after: "trap 1; cyclonus rule:deny-all",
    steps: [
      { make: [policy("x/p", all)], expect: { "*": ["* ... +++ +++"] } },
      { make: [policy("x/p", { ...all, egress: [] })], expect: { "*": ["* ... +++ +++"] } },
    ],
  },
  {
    name: "an empty rule opens all, an empty list nothing",
    after: "Netpol: allow-all policy; cyclonus any-peer, any-port-protocol",
    steps: [
      { make: [policy("x/p", { ...all, ...onlyIngress, ingress: [{}] })], expect: { "*": open } },
      { make: [policy("x/p", { ...all, ...onlyIngress, ingress: [] })], expect: { "*": ["* ... +++ +++"] } },
      { make: [policy("x/p", { ...all, ...onlyIngress, ingress: [{ from: [], ports: [] }] })], expect: { "*": open } },
    ],
  },
  {
    name: "a pod selector lets in pods of the policy's own namespace",
    after: "Netpol: traffic from pods within server namespace based on PodSelector",
    steps: [
      {
        make: [policy("x/p", { ...pod("a"), ...onlyIngress, ingress: [{ from: [pod("b")] }] })],
        expect: { "*": ["x/b +++ +++ +++", "* .++ +++ +++"] },
      },
    ],
  },
  {
    name: "all pods of a namespace let each other in, and nobody else",
    after: "Netpol: deny ingress from pods on other namespaces",
    steps: [
      {
        make: [policy("x/p", { ...all, ...onlyIngress, ingress: [{ from: [all] }] })],
        expect: { "*": ["x/* +++ +++ +++", "* ... +++ +++"] },
      },
    ],
  },
  {
    name: "an empty namespace selector lets in all namespaces",
    after: "Netpol: ingress traffic from pods in all namespaces; ingress traffic for a target",
    steps: [
      {
        make: [
          policy("x/deny", { ...all, ...onlyIngress }),
          policy("x/p", { ...pod("a"), ...onlyIngress, ingress: [{ from: [{ namespaceSelector: {} }] }] }),
        ],
        expect: { "*": ["* +.. +++ +++"] },
      },
    ],
  },
  {
    name: "a namespace selector lets in one namespace",
    after: "Netpol: only from a different namespace, based on NamespaceSelector",
    steps: [
      {
        make: [policy("x/p", { ...pod("a"), ...onlyIngress, ingress: [{ from: [ns("y")] }] })],
        expect: { "*": ["y/* +++ +++ +++", "* .++ +++ +++"] },
      },
    ],
  },
  {
    name: "expressions choose pods",
    after: "Netpol: PodSelector with MatchExpressions",
    steps: [
      {
        make: [
          policy("x/p", {
            podSelector: { matchExpressions: [{ key: "pod", operator: "In", values: ["a"] }] },
            ...onlyIngress,
            ingress: [
              { from: [{ podSelector: { matchExpressions: [{ key: "pod", operator: "NotIn", values: ["b"] }] } }] },
            ],
          }),
        ],
        expect: { "*": ["x/c +++ +++ +++", "* .++ +++ +++"] },
      },
    ],
  },
  {
    name: "expressions choose namespaces, and a label that is not there is not in any list",
    after: "Netpol: NamespaceSelector with MatchExpressions; trap 7",
    steps: [
      {
        make: [
          policy("x/p", {
            ...pod("a"),
            ...onlyIngress,
            ingress: [
              {
                from: [{ namespaceSelector: { matchExpressions: [{ key: "ns", operator: "NotIn", values: ["x"] }] } }],
              },
            ],
          }),
        ],
        expect: { "*": ["x/* .++ +++ +++", "* +++ +++ +++"] },
      },
      {
        namespaceLabels: { y: {} },
        expect: { "*": ["x/* .++ +++ +++", "* +++ +++ +++"] },
      },
      {
        make: [
          policy("x/p", {
            ...pod("a"),
            ...onlyIngress,
            ingress: [
              { from: [{ namespaceSelector: { matchExpressions: [{ key: "ns", operator: "DoesNotExist" }] } }] },
            ],
          }),
        ],
        expect: { "*": ["y/* +++ +++ +++", "* .++ +++ +++"] },
      },
    ],
  },
  {
    name: "selectors in two items mean either of them",
    after: "Netpol: PodSelector or NamespaceSelector",
    steps: [
      {
        make: [policy("x/p", { ...pod("a"), ...onlyIngress, ingress: [{ from: [pod("b"), ns("y")] }] })],
        expect: { "*": ["x/b +++ +++ +++", "y/* +++ +++ +++", "* .++ +++ +++"] },
      },
    ],
  },
  {
    name: "selectors in one item mean both of them",
    after: "Netpol: PodSelector and NamespaceSelector; only from a pod in a different namespace (also UDP and SCTP)",
    steps: [
      {
        make: [policy("x/p", { ...pod("a"), ...onlyIngress, ingress: [{ from: [{ ...pod("b"), ...ns("y") }] }] })],
        expect: { "*": ["y/b +++ +++ +++", "* .++ +++ +++"] },
      },
    ],
  },
  {
    name: "several values for pods and namespaces",
    after: "Netpol: Multiple PodSelectors and NamespaceSelectors",
    steps: [
      {
        make: [
          policy("x/p", {
            ...pod("a"),
            ...onlyIngress,
            ingress: [
              {
                from: [
                  {
                    podSelector: { matchExpressions: [{ key: "pod", operator: "In", values: ["b", "c"] }] },
                    namespaceSelector: { matchExpressions: [{ key: "ns", operator: "In", values: ["y", "z"] }] },
                  },
                ],
              },
            ],
          }),
        ],
        expect: {
          "*": ["y/b +++ +++ +++", "y/c +++ +++ +++", "z/b +++ +++ +++", "z/c +++ +++ +++", "* .++ +++ +++"],
        },
      },
    ],
  },
  {
    name: "an empty pod selector beside a namespace means all its pods",
    after: "Netpol: any PodSelectors",
    steps: [
      {
        make: [policy("x/p", { ...pod("a"), ...onlyIngress, ingress: [{ from: [{ ...all, ...ns("y") }] }] })],
        expect: { "*": ["y/* +++ +++ +++", "* .++ +++ +++"] },
      },
    ],
  },
  {
    name: "every namespace has its name as a label",
    after: "Netpol: NamespaceSelector with MatchLabels and MatchExpressions using default ns label",
    steps: [
      {
        make: [
          policy("x/p", {
            ...pod("a"),
            ...onlyIngress,
            ingress: [{ from: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "y" } } }] }],
          }),
        ],
        expect: { "*": ["y/* +++ +++ +++", "* .++ +++ +++"] },
      },
      {
        make: [
          policy("x/p", {
            ...pod("a"),
            ...onlyIngress,
            ingress: [
              {
                from: [
                  {
                    namespaceSelector: {
                      matchExpressions: [{ key: "kubernetes.io/metadata.name", operator: "NotIn", values: ["y"] }],
                    },
                  },
                ],
              },
            ],
          }),
        ],
        expect: { "*": ["y/* .++ +++ +++", "* +++ +++ +++"] },
      },
    ],
  },
  {
    name: "policies about the same pods are united",
    after: "Netpol: multiple, stacked policies with overlapping podSelectors",
    steps: [
      {
        make: [
          policy("x/one", { ...pod("a"), ...onlyIngress, ingress: [{ from: [ns("y")], ports: [{ port: 80 }] }] }),
          policy("x/two", { ...all, ...onlyIngress, ingress: [{ from: [ns("y")], ports: [{ port: 81 }] }] }),
        ],
        expect: {
          "tcp/80": ["y/* +.. +++ +++", "* ... +++ +++"],
          "tcp/81": ["y/* +++ +++ +++", "* ... +++ +++"],
          "*": ["* ... +++ +++"],
        },
      },
    ],
  },
  {
    name: "a policy that allows all wins over any other",
    after: "Netpol: multiple ingress policies with ingress allow-all policy taking precedence; cyclonus misc:conflict",
    steps: [
      {
        make: [policy("x/some", { ...all, ...onlyIngress, ingress: [{ ports: [{ port: 80 }] }] })],
        expect: { "tcp/80": open, "*": ["* ... +++ +++"] },
      },
      { make: [policy("x/all", { ...all, ...onlyIngress, ingress: [{}] })], expect: { "*": open } },
      { make: [policy("x/none", { ...all, ...onlyIngress })], expect: { "*": open } },
    ],
  },
  {
    name: "a policy that selects nobody closes nothing",
    after: "cyclonus action:create-policy",
    steps: [{ make: [policy("x/p", { ...pod("d"), policyTypes: ["Ingress", "Egress"] })], expect: { "*": open } }],
  },
];
