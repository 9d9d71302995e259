// Clients outside the cluster, and what is reached as they reach it: ports of nodes, outer addresses, balancers' addresses.

import { allPorts, type Row, service } from "../row.ts";

const a = { selector: { app: "a" } };
const a2 = { selector: { name: "a2" } };
const a1 = { selector: { name: "a1" } };
const sharing = { "twill.dev/load-balancer-sharing": "front" };
const otherPort = { name: "http", port: 8000, targetPort: "http" };
const everywhere = "client a1 a2 u1 u3 h1 node1 node2";

export const outerRows: readonly Row[] = [
  {
    title: "a node port leads to all endpoints, on every node and from everywhere",
    steps: [
      {
        make: [
          service("web", { ...a, type: "NodePort" }),
          service("talk", { ...a, type: "NodePort", ports: allPorts.slice(1) }),
        ],
        ask: [
          [everywhere, "tcp {node1} {web:port}", "a1 a2 a3"],
          [everywhere, "tcp {node3} {web:port}", "a1 a2 a3"],
          [everywhere, "udp {node1} {talk:port}", "a1 a2 a3"],
          ["node1 node2 h1", "tcp 127.0.0.1 {web:port}", "a1 a2 a3"],
        ],
      },
    ],
  },
  {
    title: "an endpoint sees the client outside when it is on the node that was asked, else that node",
    steps: [
      {
        make: [service("web", { ...a2, type: "NodePort" })],
        ask: [
          ["client", "tcp {node2} {web:port}", "a2", { client: "{client}" }],
          ["client", "tcp {node1} {web:port}", "a2", { client: "{node1}" }],
        ],
      },
    ],
  },
  {
    title: "externalTrafficPolicy Local keeps the client's address, and other nodes say nothing",
    steps: [
      {
        make: [service("web", { ...a2, type: "NodePort", externalTrafficPolicy: "Local" })],
        ask: [
          ["client", "tcp {node2} {web:port}", "a2", { client: "{client}" }],
          ["client", "tcp {node1} {web:port}", "silent"],
          ["a1 u1 node1", "tcp {node1} {web:port}", "a2"],
          ["a1 u1 node1", "tcp {web} 80", "a2"],
        ],
      },
      {
        change: { "service web": { spec: { externalTrafficPolicy: "Cluster" } } },
        ask: [["client", "tcp {node1} {web:port}", "a2", { client: "{node1}" }]],
      },
      {
        change: { "service web": { spec: { selector: { name: "none" } } } },
        ask: [["client", "tcp {node1} {web:port}", "refused"]],
      },
    ],
  },
  {
    title: "nodes tell balancers whether they have endpoints of a service with externalTrafficPolicy Local",
    steps: [
      {
        make: [service("web", { ...a2, type: "LoadBalancer", externalTrafficPolicy: "Local" })],
        ask: [
          [
            "client",
            "tcp {node2} {web:health}",
            "",
            {
              status: 200,
              says: { service: { namespace: "default", name: "web" }, localEndpoints: 1, serviceProxyHealthy: true },
            },
          ],
          [
            "client",
            "tcp {node1} {web:health}",
            "",
            {
              status: 503,
              says: { service: { namespace: "default", name: "web" }, localEndpoints: 0, serviceProxyHealthy: true },
            },
          ],
          ["client", "tcp {node1} 10256", "", { path: "/healthz", status: 200, says: { nodeEligible: true } }],
          ["client", "tcp {web:outer} 80", "a2", { client: "{client}" }],
          ["a1 u1 u2 node3", "tcp {web:outer} 80", "a2"],
        ],
      },
    ],
  },
  {
    title: "a node port without endpoints refuses at once, from everywhere",
    steps: [
      {
        make: [
          service("none", { selector: { app: "nobody" }, type: "NodePort" }),
          service("mute", { selector: { app: "nobody" }, type: "NodePort", ports: allPorts.slice(1) }),
        ],
        ask: [
          [everywhere, "tcp {node1} {none:port}", "refused"],
          [everywhere, "udp {node2} {mute:port}", "refused"],
        ],
      },
    ],
  },
  {
    title: "externalIPs lead to endpoints from pods and nodes, and from clients whom the network brings there",
    steps: [
      {
        make: [service("web", { ...a, externalIPs: ["172.30.0.12", "192.0.2.80"] })],
        ask: [
          ["a1 u1 u2 node1 h3", "tcp 192.0.2.80 80", "a1 a2 a3"],
          ["client a1 u1 node1", "tcp {node2} 80", "a1 a2 a3"],
        ],
      },
      { change: { "service web": { spec: { externalIPs: null } } }, ask: [["client", "tcp {node2} 80", "refused"]] },
    ],
  },
  {
    title: "a balancer's address comes from the pool, and leads everybody to endpoints",
    steps: [
      {
        make: [service("web", { ...a, type: "LoadBalancer", ipFamilyPolicy: "RequireDualStack", ports: allPorts })],
        ask: [
          [everywhere, "tcp {web:outer} 80", "a1 a2 a3"],
          ["client a1 u2", "udp {web:outer} 53", "a1 a2 a3"],
          ["client u1", "tcp {web:outer6} 80", "a1 a2 a3"],
          ["client a1 u1", "tcp {web:outer} 81", "refused"],
        ],
      },
    ],
  },
  {
    title: "services share a balancer's address where both say so, each for its own ports",
    steps: [
      {
        // Two that are made in one second are as old as their names have it.
        make: [
          service("web", { ...a, type: "LoadBalancer" }, sharing),
          service("webmail", { ...a1, type: "LoadBalancer", ports: [otherPort] }, sharing),
        ],
        ask: [
          ["client a1 u1 node1", "tcp {web:outer} 80", "a1 a2 a3"],
          ["client a1 u1 node1", "tcp {web:outer} 8000", "a1"],
          ["client", "tcp {webmail:outer} 80", "a1 a2 a3"],
          ["client a1 u1", "tcp {web:outer} 81", "refused"],
        ],
      },
      {
        change: { "service webmail": { spec: { ports: [{ ...otherPort, port: 80 }] } } },
        events: { "service webmail": "with default/web: both are for port tcp 80" },
        ask: [
          ["client a1", "tcp {web:outer} 80", "a1 a2 a3"],
          ["client a1", "tcp {web:outer} 8000", "refused"],
        ],
      },
      {
        change: { "service webmail": { spec: { ports: [otherPort] } } },
        ask: [["client a1", "tcp {webmail:outer} 8000", "a1"]],
      },
      {
        remove: ["service web"],
        ask: [
          ["client a1", "tcp {webmail:outer} 8000", "a1"],
          ["client a1", "tcp {webmail:outer} 80", "refused"],
        ],
      },
    ],
  },
  {
    title: "loadBalancerSourceRanges keep others from the balancer's address only",
    steps: [
      {
        make: [
          service("web", { ...a, type: "LoadBalancer", loadBalancerSourceRanges: ["192.0.2.0/24", "10.244.0.0/16"] }),
        ],
        ask: [
          ["client", "tcp {web:outer} 80", "silent"],
          ["client", "tcp {node1} {web:port}", "a1 a2 a3"],
          ["a1 u1 u2", "tcp {web:outer} 80", "a1 a2 a3"],
          ["node1 h3", "tcp {web:outer} 80", "unreachable"],
          ["node1", "tcp {web} 80", "a1 a2 a3"],
        ],
      },
      {
        change: { "service web": { spec: { loadBalancerSourceRanges: ["198.51.100.0/24", "{node1}/32", "{u1}/32"] } } },
        ask: [
          ["client node1 u1", "tcp {web:outer} 80", "a1 a2 a3"],
          ["a1 u2", "tcp {web:outer} 80", "silent"],
          ["a1 u2", "tcp {web} 80", "a1 a2 a3"],
        ],
      },
    ],
  },
  {
    title: "with direct return an endpoint's node answers itself, and the client sees no difference",
    direct: true,
    steps: [
      {
        make: [
          service(
            "web",
            { ...a2, type: "LoadBalancer", ports: allPorts },
            { "twill.dev/direct-return": "true", "twill.dev/balance": "maglev" },
          ),
        ],
        ask: [
          ["client", "tcp {node1} {web:port}", "a2", { client: "{client}" }],
          ["client", "tcp {node2} {web:port}", "a2", { client: "{client}" }],
          ["client", "tcp {web:outer} 80", "a2", { client: "{client}" }],
          ["client", "udp {web:outer} 53", "a2", { client: "{client}" }],
          ["a1 u1 node1", "tcp {web:outer} 80", "a2"],
        ],
      },
    ],
  },
  {
    title: "a client keeps to its endpoint for as long as session affinity says, through every way in",
    steps: [
      {
        make: [
          service("web", {
            ...a,
            type: "NodePort",
            sessionAffinity: "ClientIP",
            sessionAffinityConfig: { clientIP: { timeoutSeconds: 2 } },
          }),
        ],
        ask: [
          ["client", "tcp {node1} {web:port}", "one of a1 a2 a3"],
          ["a1 a2 u1 u2 node1", "tcp {web} 80", "one of a1 a2 a3"],
        ],
      },
      {
        change: { "service web": { spec: { sessionAffinity: "None", sessionAffinityConfig: null } } },
        ask: [
          ["client", "tcp {node1} {web:port}", "a1 a2 a3"],
          ["a1 u1", "tcp {web} 80", "a1 a2 a3"],
        ],
      },
      {
        change: { "service web": { spec: { sessionAffinity: "ClientIP" } } },
        ask: [
          ["client", "tcp {node1} {web:port}", "one of a1 a2 a3"],
          ["a1 u1", "tcp {web} 80", "one of a1 a2 a3"],
        ],
      },
    ],
  },
  {
    title: "affinity does not lead to an endpoint that has gone",
    steps: [
      {
        make: [service("web", { ...a1, type: "NodePort", sessionAffinity: "ClientIP" })],
        ask: [
          ["client", "tcp {node1} {web:port}", "a1"],
          ["a2 u2 node3", "tcp {web} 80", "a1"],
        ],
      },
      {
        change: { "service web": { spec: { selector: { name: "a3" } } } },
        ask: [
          ["client", "tcp {node1} {web:port}", "a3"],
          ["a2 u2 node3", "tcp {web} 80", "a3"],
        ],
      },
    ],
  },
];
