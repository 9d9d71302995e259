// What goes out, blocks of addresses, and both directions together.

import { type Case, ns, open, pod, policy } from "./case.ts";

const all = { podSelector: {} };
const onlyEgress = { policyTypes: ["Egress"] };
const both = { policyTypes: ["Ingress", "Egress"] };

/** The block of one address. */
function host(address: string): string {
  return `${address}/${address.includes(":") ? 128 : 32}`;
}

/** A block with all pods in it, wherever a cluster puts them. */
function around(address: string): string {
  return `${address}/8`;
}

export const egressCases: readonly Case[] = [
  {
    name: "a policy of both directions closes both",
    after: "Netpol: default-deny-all",
    steps: [{ make: [policy("x/deny", { ...all, ...both })], expect: { "*": ["x/* ... ... ...", "* ... +++ +++"] } }],
  },
  {
    name: "egress rules without policyTypes isolate both ways",
    after: "trap 1; Netpol: default-deny-all",
    steps: [{ make: [policy("x/p", { ...all, egress: [{}] })], expect: { "*": ["* ... +++ +++"] } }],
  },
  {
    name: "one pod may send nothing",
    after: "Netpol: deny egress from pods based on PodSelector",
    steps: [
      { make: [policy("x/p", { ...pod("a"), ...onlyEgress })], expect: { "*": ["x/a ... ... ...", "* +++ +++ +++"] } },
    ],
  },
  {
    name: "all pods of a namespace may send nothing",
    after: "Netpol: deny egress from all pods in a namespace",
    steps: [
      { make: [policy("x/p", { ...all, ...onlyEgress })], expect: { "*": ["x/* ... ... ...", "* +++ +++ +++"] } },
    ],
  },
  {
    name: "ingress and egress of one pod are two questions",
    after: "Netpol: work with Ingress, Egress specified together",
    steps: [
      {
        make: [
          policy("x/p", {
            ...pod("a"),
            ...both,
            ingress: [{ from: [pod("b")] }],
            egress: [{ ports: [{ port: 80 }] }],
          }),
        ],
        expect: {
          "tcp/80": ["x/b +++ +++ +++", "x/a +++ +++ +++", "* .++ +++ +++"],
          "*": ["x/a ... ... ...", "x/b +++ +++ +++", "* .++ +++ +++"],
        },
      },
    ],
  },
  {
    name: "what the source may not send nobody lets in",
    after: "Netpol: denying of egress traffic on the client side (even if the server explicitly allows this traffic)",
    steps: [
      {
        make: [
          policy("x/out", { ...pod("a"), ...onlyEgress, egress: [{ to: [{ ...pod("a"), ...ns("y") }] }] }),
          policy("y/in", { ...pod("a"), policyTypes: ["Ingress"], ingress: [{ from: [{ ...pod("a"), ...ns("x") }] }] }),
          policy("y/in-b", {
            ...pod("b"),
            policyTypes: ["Ingress"],
            ingress: [{ from: [{ ...pod("a"), ...ns("x") }] }],
          }),
        ],
        expect: { "*": ["x/a ... +.. ...", "* +++ ..+ +++"] },
      },
    ],
  },
  {
    name: "directions are isolated independently",
    after: "Netpol: ingress and egress policies can be controlled independently based on PodSelector",
    steps: [
      {
        make: [policy("x/out", { ...pod("a"), ...onlyEgress })],
        expect: { "*": ["x/a ... ... ...", "* +++ +++ +++"] },
      },
      {
        make: [policy("x/in", { ...pod("a"), policyTypes: ["Ingress"], ingress: [{ from: [pod("b")] }] })],
        expect: { "*": ["x/a ... ... ...", "x/b +++ +++ +++", "* .++ +++ +++"] },
      },
      { remove: ["x/out"], expect: { "*": ["x/a +++ +++ +++", "x/b +++ +++ +++", "* .++ +++ +++"] } },
    ],
  },
  {
    name: "a pod of another namespace may be reached",
    after:
      "Netpol: egress policy allowing traffic to a server in a different namespace based on PodSelector and NamespaceSelector",
    steps: [
      {
        make: [policy("x/p", { ...pod("a"), ...onlyEgress, egress: [{ to: [{ ...pod("a"), ...ns("y") }] }] })],
        expect: { "*": ["x/a ... +.. ...", "* +++ +++ +++"] },
      },
    ],
  },
  {
    name: "a policy that allows all wins for egress, too",
    after: "Netpol: multiple egress policies with egress allow-all policy taking precedence",
    steps: [
      {
        make: [policy("x/some", { ...all, ...onlyEgress, egress: [{ ports: [{ port: 80 }] }] })],
        expect: { "tcp/80": open, "*": ["x/* ... ... ...", "* +++ +++ +++"] },
      },
      { make: [policy("x/all", { ...all, ...onlyEgress, egress: [{}] })], expect: { "*": open } },
    ],
  },
  {
    name: "a block lets out to the pods that have its addresses",
    after: "Netpol: allow egress access to server in CIDR block; traps 16 to 18",
    steps: [
      {
        make: (addressOf) => [
          policy("x/p", {
            ...pod("a"),
            ...onlyEgress,
            egress: [{ to: [{ ipBlock: { cidr: host(addressOf("y/b")) } }] }],
          }),
        ],
        expect: { "*": ["x/a ... .+. ...", "* +++ +++ +++"] },
      },
    ],
  },
  {
    name: "what is excepted from a block is not in it",
    after: "Netpol: enforce except clause while egress access to server in CIDR block",
    steps: [
      {
        make: (addressOf) => [
          policy("x/p", {
            ...pod("a"),
            ...onlyEgress,
            egress: [
              {
                to: [
                  {
                    ipBlock: {
                      cidr: around(addressOf("x/a")),
                      except: [host(addressOf("x/b")), host(addressOf("z/c"))],
                    },
                  },
                ],
              },
            ],
          }),
        ],
        expect: { "*": ["x/a +.+ +++ ++.", "* +++ +++ +++"] },
      },
    ],
  },
  {
    name: "what one block excepts another may have",
    after: "Netpol: ensure an IP overlapping both IPBlock.CIDR and IPBlock.Except is allowed",
    steps: [
      {
        make: (addressOf) => [
          policy("x/p", {
            ...pod("a"),
            ...onlyEgress,
            egress: [{ to: [{ ipBlock: { cidr: around(addressOf("x/a")), except: [host(addressOf("x/b"))] } }] }],
          }),
        ],
        expect: { "*": ["x/a +.+ +++ +++", "* +++ +++ +++"] },
      },
      {
        make: (addressOf) => [
          policy("x/again", {
            ...pod("a"),
            ...onlyEgress,
            egress: [{ to: [{ ipBlock: { cidr: host(addressOf("x/b")) } }] }],
          }),
        ],
        expect: { "*": open },
      },
    ],
  },
  {
    name: "a block lets in, and everything is a block, too",
    after: "cyclonus peer-ipblock; traps 17 and 18",
    steps: [
      {
        make: (addressOf) => [
          policy("x/p", {
            ...all,
            policyTypes: ["Ingress"],
            ingress: [
              {
                from: [
                  {
                    ipBlock: {
                      cidr: addressOf("x/a").includes(":") ? "::/0" : "0.0.0.0/0",
                      except: [host(addressOf("y/a"))],
                    },
                  },
                ],
              },
            ],
          }),
        ],
        expect: { "*": ["y/a ... +++ +++", "* +++ +++ +++"] },
      },
    ],
  },
];
