// What changes while policies are in force: policies themselves, labels of pods and of namespaces.

import { type Case, ns, open, pod, policy } from "./case.ts";

const all = { podSelector: {} };
const onlyIngress = { policyTypes: ["Ingress"] };

export const changeCases: readonly Case[] = [
  {
    name: "a policy that is written anew is in force anew",
    after: "Netpol: enforce updated policy; cyclonus action:update-policy",
    steps: [
      { make: [policy("x/p", { ...all, ...onlyIngress, ingress: [{}] })], expect: { "*": open } },
      { make: [policy("x/p", { ...all, ...onlyIngress })], expect: { "*": ["* ... +++ +++"] } },
      {
        make: [policy("x/p", { ...pod("b"), ...onlyIngress, ingress: [{ from: [ns("z")] }] })],
        expect: { "*": ["z/* +++ +++ +++", "* +.+ +++ +++"] },
      },
      {
        make: [policy("x/p", { ...all, policyTypes: ["Egress"] })],
        expect: { "*": ["x/* ... ... ...", "* +++ +++ +++"] },
      },
    ],
  },
  {
    name: "a policy that is gone closes nothing",
    after: "Netpol: stop enforcing policies after they are deleted; cyclonus action:delete-policy",
    steps: [
      {
        make: [
          policy("x/deny", { ...all, policyTypes: ["Ingress", "Egress"] }),
          policy("x/allow", { ...pod("a"), ...onlyIngress, ingress: [{ from: [ns("y")] }] }),
        ],
        expect: { "*": ["x/* ... ... ...", "y/* +.. +++ +++", "* ... +++ +++"] },
      },
      { remove: ["x/deny"], expect: { "*": ["y/* +++ +++ +++", "* .++ +++ +++"] } },
      { remove: ["x/allow"], expect: { "*": open } },
    ],
  },
  {
    name: "a namespace that gets the label is let in",
    after: "Netpol: ingress access from updated namespace; cyclonus action:set-namespace-labels",
    steps: [
      {
        make: [
          policy("x/p", {
            ...pod("a"),
            ...onlyIngress,
            ingress: [{ from: [{ namespaceSelector: { matchLabels: { ns2: "updated" } } }] }],
          }),
        ],
        expect: { "*": ["* .++ +++ +++"] },
      },
      {
        namespaceLabels: { y: { ns: "y", ns2: "updated" } },
        expect: { "*": ["y/* +++ +++ +++", "* .++ +++ +++"] },
      },
      { namespaceLabels: { y: { ns: "y" } }, expect: { "*": ["* .++ +++ +++"] } },
    ],
  },
  {
    name: "a pod that gets the label is let in",
    after: "Netpol: ingress access from updated pod; cyclonus action:set-pod-labels",
    steps: [
      {
        make: [
          policy("x/p", {
            ...pod("a"),
            ...onlyIngress,
            ingress: [{ from: [{ podSelector: { matchLabels: { pod: "b", pod2: "updated" } } }] }],
          }),
        ],
        expect: { "*": ["* .++ +++ +++"] },
      },
      {
        podLabels: { "x/b": { pod: "b", pod2: "updated" } },
        expect: { "*": ["x/b +++ +++ +++", "* .++ +++ +++"] },
      },
      { podLabels: { "x/b": { pod: "b" } }, expect: { "*": ["* .++ +++ +++"] } },
    ],
  },
  {
    name: "a pod that gets the label is closed, and opened when it loses it",
    after: "Netpol: deny ingress access to updated pod",
    steps: [
      {
        make: [policy("x/p", { podSelector: { matchLabels: { target: "isolated" } }, ...onlyIngress })],
        expect: { "*": open },
      },
      { podLabels: { "x/a": { pod: "a", target: "isolated" } }, expect: { "*": ["* .++ +++ +++"] } },
      { podLabels: { "x/a": { pod: "a" } }, expect: { "*": open } },
    ],
  },
  {
    name: "labels decide anew who is who when pods trade them",
    after: "cyclonus action:set-pod-labels; trap 9",
    steps: [
      {
        make: [policy("x/p", { ...pod("a"), ...onlyIngress, ingress: [{ from: [pod("b")] }] })],
        expect: { "*": ["x/b +++ +++ +++", "* .++ +++ +++"] },
      },
      {
        podLabels: { "x/a": { pod: "b" }, "x/b": { pod: "a" } },
        expect: { "*": ["x/a +++ +++ +++", "* +.+ +++ +++"] },
      },
    ],
  },
  {
    name: "what cannot be understood opens nothing and touches no other policy",
    after: "cyclonus pathological; trap 34",
    steps: [
      {
        make: [
          policy("x/good", { ...pod("a"), ...onlyIngress, ingress: [{ from: [ns("y")] }] }),
          // A label that no namespace can have, beside an address that no pod has.
          policy("x/odd", {
            ...pod("b"),
            ...onlyIngress,
            ingress: [
              {
                from: [
                  { namespaceSelector: { matchExpressions: [{ key: "ns", operator: "In", values: ["nobody"] }] } },
                ],
              },
              { from: [{ ipBlock: { cidr: "192.0.2.0/32" } }] },
            ],
          }),
        ],
        expect: { "*": ["y/* +.+ +++ +++", "* ..+ +++ +++"] },
      },
    ],
  },
];
