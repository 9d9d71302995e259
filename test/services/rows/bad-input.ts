// What cannot be served, as its user is told, while others are served as before.

import { at, pod, type Row, service, slice } from "../row.ts";

const a = { selector: { app: "a" } };

export const badInputRows: readonly Row[] = [
  {
    title: "an outer address that is a pod's is not served, and the agent says so",
    steps: [
      {
        make: [service("web", { ...a, externalIPs: ["{b1}"] })],
        ask: [
          ["a1 u1 node1", "tcp {web} 80", "a1 a2 a3"],
          ["a1 u1", "tcp {b1} 80", "refused"],
        ],
        problems: {
          node2: ["Service default/web is not served at {b1}: that is one of the pods' addresses of node node1"],
        },
      },
    ],
  },
  {
    title: "of two services with one outer address and port the older one has it, until it goes",
    steps: [
      { make: [service("old", { selector: { name: "a1" }, externalIPs: ["192.0.2.81"] })] },
      {
        // Times of objects have whole seconds.
        wait: 1.1,
      },
      {
        make: [service("young", { selector: { name: "a2" }, externalIPs: ["192.0.2.81"] })],
        ask: [
          ["a3 u1", "tcp 192.0.2.81 80", "a1"],
          ["a3 u1", "tcp {young} 80", "a2"],
        ],
        problems: {
          node1: ["Service default/young is not served at 192.0.2.81 tcp 80: default/old has it, and is older"],
        },
      },
      { remove: ["service old"], ask: [["a3 u1", "tcp 192.0.2.81 80", "a2"]] },
    ],
  },
  {
    title: "a node port that a pod has as a port of the host is the older one's",
    steps: [
      {
        make: [
          pod("port1", {
            node: 1,
            container: { ports: [{ name: "http", containerPort: 8080, hostPort: 31_555 }] },
          }),
        ],
        ask: [["client", "tcp {node1} 31555", "port1"]],
      },
      { wait: 1.1 },
      {
        make: [service("web", { ...a, type: "NodePort", ports: [{ port: 80, targetPort: "http", nodePort: 31_555 }] })],
        ask: [
          ["client", "tcp {node1} 31555", "port1"],
          ["client", "tcp {node2} 31555", "a1 a2 a3"],
          ["a1 u1", "tcp {web} 80", "a1 a2 a3"],
        ],
        problems: { node1: ["tcp 31555: pod default/port1 has it, and is older"] },
      },
      { remove: ["pod port1"], ask: [["client", "tcp {node1} 31555", "a1 a2 a3"]] },
    ],
  },
  {
    title: "an annotation that is no word of it is told, and the service is served",
    steps: [
      {
        make: [service("web", a, { "twill.dev/balance": "best" })],
        ask: [["a1 u1 node1", "tcp {web} 80", "a1 a2 a3"]],
        problems: {
          node1: ['Service default/web: annotation twill.dev/balance must be one of random, maglev, found "best"'],
        },
      },
    ],
  },
  {
    title: "ports of zero and endpoints that nobody has are passed over",
    steps: [
      {
        make: [
          service("web"),
          slice("web-1", "web", { ports: [{}], endpoints: [at("a1")] }),
          slice("web-2", "web", { endpoints: [at("a2")] }),
        ],
        ask: [["a1 u1 node1", "tcp {web} 80", "a2"]],
      },
    ],
  },
];
