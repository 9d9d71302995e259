// Services that become others while they live: of another type, with other ports.

import { type Row, service } from "../row.ts";

const a = { selector: { app: "a" } };
const samePort = [
  { name: "web", port: 53, targetPort: "http" },
  { name: "talk", port: 53, targetPort: "talk", protocol: "UDP" },
];
const toName = {
  type: "ExternalName",
  externalName: "www.example.com",
  clusterIP: null,
  clusterIPs: null,
  selector: null,
};

export const typeRows: readonly Row[] = [
  {
    title: "one node port leads by TCP and by UDP, and stays while ports behind it change",
    steps: [
      {
        make: [service("web", { ...a, type: "NodePort", ports: samePort })],
        ask: [
          ["client u1", "tcp {node1} {web:port}", "a1 a2 a3"],
          ["client u1", "udp {node2} {web:port}", "a1 a2 a3"],
        ],
      },
      {
        change: { "service web": { spec: { ports: [{ name: "web", port: 8000, targetPort: "http" }] } } },
        ask: [
          ["client u1", "tcp {node1} {web:port}", "a1 a2 a3"],
          ["client", "udp {node1} {web:port}", "refused"],
          ["a1", "tcp {web} 8000", "a1 a2 a3"],
        ],
      },
    ],
  },
  {
    title: "a service goes from each type to each other",
    steps: [
      { make: [service("web", a)], ask: [["a1 u1 node1", "tcp {web} 80", "a1 a2 a3"]] },
      {
        change: {
          "service web": { spec: { type: "NodePort", ports: [{ port: 80, targetPort: "http", nodePort: 31_080 }] } },
        },
        ask: [
          ["client u1", "tcp {node1} 31080", "a1 a2 a3"],
          ["a1", "tcp {web} 80", "a1 a2 a3"],
        ],
      },
      {
        change: { "service web": { spec: { type: "LoadBalancer" } } },
        ask: [
          ["client a1", "tcp {web:outer} 80", "a1 a2 a3"],
          ["client", "tcp {node1} 31080", "a1 a2 a3"],
        ],
      },
      {
        change: {
          "service web": { spec: { type: "ClusterIP", ports: [{ port: 80, targetPort: "http", nodePort: null }] } },
        },
        ask: [
          ["client u1 node1", "tcp {node1} 31080", "refused"],
          ["a1 u1 node1", "tcp {web} 80", "a1 a2 a3"],
        ],
      },
      {
        change: { "service web": { spec: toName } },
        ask: [
          [
            "a1 u1",
            "resolve web.default.svc.cluster.local",
            "203.0.113.10 2001:db8:113::10",
            { name: "www.example.com" },
          ],
        ],
      },
      {
        change: { "service web": { spec: { type: "LoadBalancer", externalName: null, ...a } } },
        ask: [
          ["a1 u1 node1", "tcp {web} 80", "a1 a2 a3"],
          ["client", "tcp {web:outer} 80", "a1 a2 a3"],
        ],
      },
      {
        change: { "service web": { spec: toName } },
        ask: [["a1", "resolve web.default", "203.0.113.10 2001:db8:113::10"]],
      },
      {
        change: {
          "service web": {
            spec: {
              type: "NodePort",
              externalName: null,
              ...a,
              ports: [{ port: 80, targetPort: "http", nodePort: 31_081 }],
            },
          },
        },
        ask: [
          ["client u1", "tcp {node2} 31081", "a1 a2 a3"],
          ["a1 u1 node1", "tcp {web} 80", "a1 a2 a3"],
        ],
      },
      {
        change: { "service web": { spec: toName } },
        ask: [["client u1", "tcp {node2} 31081", "refused"]],
      },
      {
        change: { "service web": { spec: { type: "ClusterIP", externalName: null, ...a } } },
        ask: [["a1 u1 node1", "tcp {web} 80", "a1 a2 a3"]],
      },
    ],
  },
];
