// Services' own addresses: whom they lead to, from pods at the socket (a), packet by packet (u), from the node's network (h) and from nodes.

import { allPorts, at, pod, type Row, service, slice } from "../row.ts";

const a = { selector: { app: "a" } };
const everybody = "a1 a2 u1 u2 h1 node1 node2";

export const clusterRows: readonly Row[] = [
  {
    title: "a ClusterIP leads pods and nodes to all endpoints, by TCP and by UDP",
    steps: [
      {
        make: [service("web", { ...a, ports: allPorts })],
        ask: [
          [everybody, "tcp {web} 80", "a1 a2 a3"],
          [everybody, "udp {web} 53", "a1 a2 a3"],
          ["a1 u1", "tcp web.default 80", "a1 a2 a3"],
        ],
      },
    ],
  },
  {
    title: "a backend sees the pod that asks",
    steps: [
      {
        make: [
          service("near", { selector: { name: "a1" }, ports: allPorts }),
          service("far", { selector: { name: "a2" }, ports: allPorts }),
        ],
        ask: [
          ["u1 u3 b1", "tcp {near} 80", "a1", { client: "own" }],
          ["a1 u1 u3", "tcp {far} 80", "a2", { client: "own" }],
          ["a1 u1 u3", "udp {far} 53", "a2", { client: "own" }],
          ["node1 h1", "tcp {far} 80", "a2", { client: "{node1}" }],
        ],
      },
    ],
  },
  {
    title: "a service of several ports leads each to its own, by number and by name",
    steps: [
      {
        make: [
          service("web", {
            ...a,
            ports: [
              { name: "named", port: 80, targetPort: "http" },
              { name: "number", port: 8000, targetPort: 8080 },
              { name: "same", port: 53, targetPort: "talk", protocol: "UDP" },
              { name: "tcp-of-same", port: 53, targetPort: "http" },
            ],
          }),
        ],
        ask: [
          ["a1 u2", "tcp {web} 80", "a1 a2 a3"],
          ["a1 u2", "tcp {web} 8000", "a1 a2 a3"],
          ["a1 u2", "udp {web} 53", "a1 a2 a3"],
          ["a1 u2", "tcp {web} 53", "a1 a2 a3"],
        ],
      },
    ],
  },
  {
    title: "a named target port is what each pod calls so",
    steps: [
      {
        make: [service("web", { selector: { set: "ab" } })],
        ask: [["a2 u2 node3", "tcp {web} 80", "a1 a2 a3 b1"]],
      },
    ],
  },
  {
    title: "a headless service is the addresses of its pods",
    steps: [
      {
        make: [
          service("web", { ...a, clusterIP: "None" }),
          service("none", { selector: { app: "nobody" }, clusterIP: "None" }),
        ],
        ask: [
          ["a1 u2", "resolve web.default.svc.cluster.local", "{a1} {a2} {a3}"],
          ["u2", "tcp web.default 8080", "one of a1 a2 a3", { client: "own" }],
          ["u2", "resolve none.default", "unknown"],
        ],
      },
    ],
  },
  {
    title: "what has no endpoints, and other ports of a ClusterIP, are refused at once",
    steps: [
      {
        make: [service("none", { selector: { app: "nobody" }, ports: allPorts }), service("web", a)],
        ask: [
          [everybody, "tcp {none} 80", "refused"],
          [everybody, "udp {none} 53", "refused"],
          [everybody, "tcp {web} 81", "refused"],
          ["u1 u2", "udp {web} 53", "refused"],
        ],
      },
    ],
  },
  {
    title: "a pod reaches itself through its service, at the socket and packet by packet",
    steps: [
      {
        make: [
          service("self", { selector: { name: "a1" }, ports: allPorts, type: "NodePort" }),
          service("own", { selector: { name: "u1" }, ports: allPorts, type: "NodePort" }),
        ],
        ask: [
          ["a1", "tcp {self} 80", "a1"],
          ["a1", "udp {self} 53", "a1"],
          ["a1", "tcp {node1} {self:port}", "a1"],
          ["a1", "tcp {node2} {self:port}", "a1"],
          ["u1", "tcp {own} 80", "u1"],
          ["u1", "udp {own} 53", "u1"],
          ["u1", "tcp {node1} {own:port}", "u1"],
          ["u1", "tcp {node2} {own:port}", "u1"],
        ],
      },
    ],
  },
  {
    title: "pods that share their node's network serve, and ask",
    steps: [
      {
        make: [service("web", { selector: { app: "h" }, ports: allPorts, type: "NodePort" })],
        ask: [
          [everybody, "tcp {web} 80", "h1 h2 h3"],
          [everybody, "udp {web} 53", "h1 h2 h3"],
          ["client a1 u3", "tcp {node1} {web:port}", "h1 h2 h3"],
        ],
      },
    ],
  },
  {
    title: "internalTrafficPolicy Local leads to the asker's node, and nowhere else",
    steps: [
      {
        make: [
          service("web", { ...a, internalTrafficPolicy: "Local" }),
          service("far", { selector: { name: "a2" }, internalTrafficPolicy: "Local" }),
        ],
        ask: [
          ["a1 u1 node1 h1", "tcp {web} 80", "a1"],
          ["a3 u3 node3", "tcp {web} 80", "a3"],
          ["a2 u2 node2", "tcp {far} 80", "a2"],
          ["a1 h1 node1", "tcp {far} 80", "unreachable"],
          ["u1 u3", "tcp {far} 80", "silent"],
        ],
      },
      {
        change: { "service far": { spec: { internalTrafficPolicy: "Cluster" } } },
        ask: [["a1 u1 node1 node3", "tcp {far} 80", "a2"]],
      },
    ],
  },
  {
    title: "datagrams larger than a packet reach an endpoint whole, translated packet by packet",
    steps: [
      {
        make: [service("web", { ...a, ports: allPorts, type: "NodePort" })],
        ask: [
          ["u1 u2 a1", "udp {web} 53", "a1 a2 a3", { size: 4000 }],
          ["u1", "udp {web} 53", "a1 a2 a3", { size: 30_000 }],
        ],
      },
    ],
  },
  {
    title: "Maglev leads to every endpoint, too",
    steps: [
      {
        make: [service("web", { ...a, ports: allPorts, type: "NodePort" }, { "twill.dev/balance": "maglev" })],
        ask: [
          ["a1 u1 node2", "tcp {web} 80", "a1 a2 a3"],
          ["a1 u1 node2", "udp {web} 53", "a1 a2 a3"],
          ["client", "tcp {node1} {web:port}", "a1 a2 a3"],
        ],
      },
    ],
  },
  {
    title: "a service that is deleted and made anew with another address is reached at the new one only",
    steps: [
      {
        make: [service("web", { ...a, clusterIP: "10.96.200.1" })],
        ask: [["a1 u2 node3", "tcp 10.96.200.1 80", "a1 a2 a3"]],
      },
      { remove: ["service web"], ask: [["u2 node3", "tcp 10.96.200.1 80", "silent"]] },
      {
        make: [service("web", { ...a, clusterIP: "10.96.200.2" })],
        ask: [
          ["a1 u2 node3", "tcp 10.96.200.2 80", "a1 a2 a3"],
          ["a1 u2", "tcp web.default 80", "a1 a2 a3"],
          ["u2 node3", "tcp 10.96.200.1 80", "silent"],
        ],
      },
    ],
  },
  {
    title: "a port of the host leads to its pod while it is there",
    steps: [
      {
        make: [
          pod("port1", { node: 1, container: { ports: [{ name: "http", containerPort: 8080, hostPort: 8111 }] } }),
        ],
        ask: [
          ["client u2 node2", "tcp {node1} 8111", "port1"],
          ["a1 a2 node1", "tcp {node1} 8111", "port1"],
          ["client", "tcp {node1/6} 8111", "port1", { client: "{client/6}" }],
          ["client", "tcp {node2} 8111", "refused"],
        ],
      },
      { remove: ["pod port1"], ask: [["client a1 u2 node1", "tcp {node1} 8111", "refused"]] },
    ],
  },
  {
    title: "one port of the host leads to several pods, by its address and by its protocol",
    steps: [
      {
        make: [
          pod("port1", { node: 1, container: { ports: hostPorts("172.30.0.11") } }),
          pod("port2", { node: 1, container: { ports: hostPorts("127.0.0.1") } }),
          pod("port3", {
            node: 1,
            container: { ports: [{ name: "talk", containerPort: 8081, hostPort: 8112, protocol: "UDP" }] },
          }),
        ],
        ask: [
          ["client u2 a1 node1 node2", "tcp {node1} 8112", "port1"],
          ["node1", "tcp 127.0.0.1 8112", "port2"],
          ["client u2 a1 node1", "udp {node1} 8112", "port3"],
          ["client", "udp {node1/6} 8112", "port3", { client: "{client/6}" }],
        ],
      },
    ],
  },
  {
    title: "a service that says to be another proxy's, or nobody's, is not led anywhere",
    steps: [
      { make: [service("web", a)], ask: [["a1 u1 node1", "tcp {web} 80", "a1 a2 a3"]] },
      {
        change: { "service web": { metadata: { labels: { "service.kubernetes.io/service-proxy-name": "mine" } } } },
        ask: [["u1 node1", "tcp {web} 80", "silent"]],
      },
      {
        change: { "service web": { metadata: { labels: { "service.kubernetes.io/service-proxy-name": null } } } },
        ask: [["a1 u1 node1", "tcp {web} 80", "a1 a2 a3"]],
      },
      {
        change: { "service web": { metadata: { labels: { "service.kubernetes.io/headless": "" } } } },
        ask: [["u1 node1", "tcp {web} 80", "silent"]],
      },
    ],
  },
  {
    title: "services of one port and many endpoints reach all of them",
    steps: [
      {
        make: [
          service("large", {}),
          ...[0, 1, 2].map((part) =>
            slice(`large-${part}`, "large", {
              ports: [{ port: 8080 }],
              endpoints: Array.from({ length: 83 }, (_, index) =>
                index === 7
                  ? at(`a${part + 1}`)
                  : { addresses: [`192.0.2.${part * 84 + index}`], conditions: { ready: false } },
              ),
            }),
          ),
          slice("large-3", "large", { endpoints: [at("a1")] }),
        ],
        ask: [["a1 u1 node1", "tcp {large} 80", "a1 a2 a3"]],
      },
    ],
  },
];

/** Port 8112 of one of a node's addresses. */
function hostPorts(hostIP: string) {
  return [{ name: "http", containerPort: 8080, hostPort: 8112, hostIP }];
}
