// Ports by number, range and name, and protocols.

import { type Case, ns, open, pod, policy } from "./case.ts";

const all = { podSelector: {} };

/** Lets anybody in at these ports of x/a. */
function portsOfA(...ports: readonly object[]) {
  return policy("x/p", { ...pod("a"), policyTypes: ["Ingress"], ingress: [{ ports }] });
}

const notA = ["* .++ +++ +++"];

export const portCases: readonly Case[] = [
  {
    name: "a port is open, and no other",
    after: "Netpol: policy based on Ports",
    steps: [
      { make: [portsOfA({ port: 81, protocol: "TCP" })], expect: { "tcp/81": open, "*": notA } },
      { make: [portsOfA({ port: 80, protocol: "UDP" })], expect: { "udp/80": open, "*": notA } },
      { make: [portsOfA({ port: 80, protocol: "SCTP" })], expect: { "sctp/80": open, "*": notA } },
    ],
  },
  {
    name: "a port is one of TCP unless told",
    after: "trap 14; cyclonus port, protocol",
    steps: [{ make: [portsOfA({ port: 80 })], expect: { "tcp/80": open, "*": notA } }],
  },
  {
    name: "SCTP is not TCP",
    after:
      "Netpol: not mistakenly treat 'protocol: SCTP' as 'protocol: TCP'; properly isolate pods that are selected by a policy allowing SCTP",
    steps: [
      { make: [portsOfA({ port: 81, protocol: "SCTP" })], expect: { "sctp/81": open, "*": notA } },
      { make: [portsOfA({ protocol: "SCTP" })], expect: { sctp: open, "*": notA } },
    ],
  },
  {
    name: "UDP is not TCP",
    after: "Netpol: not allow access by TCP when a policy specifies only UDP",
    steps: [{ make: [portsOfA({ port: 81, protocol: "UDP" })], expect: { "udp/81": open, "*": notA } }],
  },
  {
    name: "a protocol alone means all its ports",
    after: "Netpol: ingress policy allowing any port traffic to a server on a specific protocol",
    steps: [{ make: [portsOfA({ protocol: "TCP" })], expect: { tcp: open, "*": notA } }],
  },
  {
    name: "a named port is the number that its pod declares",
    after: "Netpol: ingress access on one named port",
    steps: [{ make: [portsOfA({ port: "serve-81-tcp" })], expect: { "tcp/81": open, "*": notA } }],
  },
  {
    name: "a named port from one namespace",
    after: "Netpol: ingress access from namespace on one named port",
    steps: [
      {
        make: [
          policy("x/p", {
            ...pod("a"),
            policyTypes: ["Ingress"],
            ingress: [{ from: [ns("y")], ports: [{ port: "serve-80-tcp" }] }],
          }),
        ],
        expect: { "tcp/80": ["y/* +++ +++ +++", "* .++ +++ +++"], "*": notA },
      },
    ],
  },
  {
    name: "a named port of egress is the number that the other pod declares",
    after: "Netpol: egress access on one named port; trap 12",
    steps: [
      {
        make: [
          policy("x/p", { ...pod("a"), policyTypes: ["Egress"], egress: [{ ports: [{ port: "serve-80-tcp" }] }] }),
        ],
        expect: { "tcp/80": open, "*": ["x/a ... ... ...", "* +++ +++ +++"] },
      },
    ],
  },
  {
    name: "a named port of another protocol, or that nobody declares, opens nothing",
    after: "cyclonus port:named-port, pathological; trap 11",
    steps: [
      { make: [portsOfA({ port: "serve-80-udp", protocol: "TCP" })], expect: { "*": notA } },
      { make: [portsOfA({ port: "serve-80-udp", protocol: "UDP" })], expect: { "udp/80": open, "*": notA } },
      { make: [portsOfA({ port: "nobody", protocol: "TCP" })], expect: { "*": notA } },
    ],
  },
  {
    name: "a range has its last port in it",
    after: "cyclonus port:end-port; trap 13",
    steps: [
      { make: [portsOfA({ port: 80, endPort: 81 })], expect: { tcp: open, "*": notA } },
      { make: [portsOfA({ port: 70, endPort: 80 })], expect: { "tcp/80": open, "*": notA } },
      { make: [portsOfA({ port: 81, endPort: 81, protocol: "UDP" })], expect: { "udp/81": open, "*": notA } },
      { make: [portsOfA({ port: 82, endPort: 65535 })], expect: { "*": notA } },
      {
        make: [policy("x/p", { ...all, policyTypes: ["Egress"], egress: [{ ports: [{ port: 1, endPort: 80 }] }] })],
        expect: { "tcp/80": open, "*": ["x/* ... ... ...", "* +++ +++ +++"] },
      },
    ],
  },
  {
    name: "several ports and protocols in one rule, and in several",
    after: "cyclonus misc: multiple ports",
    steps: [
      {
        make: [portsOfA({ port: 80 }, { port: 81, protocol: "UDP" })],
        expect: { "tcp/80": open, "udp/81": open, "*": notA },
      },
      {
        make: [
          policy("x/p", {
            ...pod("a"),
            policyTypes: ["Ingress"],
            ingress: [
              { ports: [{ port: 80 }], from: [ns("y")] },
              { ports: [{ port: 81 }], from: [ns("z")] },
            ],
          }),
        ],
        expect: {
          "tcp/80": ["y/* +++ +++ +++", "* .++ +++ +++"],
          "tcp/81": ["z/* +++ +++ +++", "* .++ +++ +++"],
          "*": notA,
        },
      },
    ],
  },
];
