// Endpoints: those that come and go, are not ready, end, were written by hand, are near or far, of one family or both.

import { allPorts, at, pod, type Row, service, slice } from "../row.ts";

const a = { selector: { app: "a" } };
const some = "a1 u2 node3";
const both = ["IPv4", "IPv6"];
const failing = { readinessProbe: { exec: { command: ["false"] }, periodSeconds: 1 } };

export const endpointRows: readonly Row[] = [
  {
    title: "endpoints come and go with their pods",
    steps: [
      { make: [service("web", { selector: { app: "d" } })], ask: [[some, "tcp {web} 80", "refused"]] },
      { make: [pod("d1", { node: 1 })], ask: [[some, "tcp {web} 80", "d1"]] },
      { make: [pod("d2", { node: 2 })], ask: [[some, "tcp {web} 80", "d1 d2"]] },
      { remove: ["pod d1"], ask: [[some, "tcp {web} 80", "d2"]] },
      { change: { "pod d2": { metadata: { labels: { app: "other" } } } }, ask: [[some, "tcp {web} 80", "refused"]] },
    ],
  },
  {
    title: "a pod that is not ready is asked only where publishNotReadyAddresses says so",
    steps: [
      {
        make: [
          pod("e1", { node: 1, container: failing }),
          service("web", { selector: { app: "e" } }),
          service("all", { selector: { app: "e" }, publishNotReadyAddresses: true }),
        ],
        ask: [
          [some, "tcp {web} 80", "refused"],
          [some, "tcp {all} 80", "e1"],
        ],
      },
    ],
  },
  {
    title: "endpoints that end serve while nobody is ready, and no longer",
    steps: [
      {
        make: [
          service("web"),
          slice("web-1", "web", {
            endpoints: [
              at("a1", { conditions: { ready: false, serving: true, terminating: true } }),
              at("a2", { conditions: { ready: false, serving: false, terminating: true } }),
              at("a3", { conditions: { ready: false } }),
            ],
          }),
        ],
        ask: [[some, "tcp {web} 80", "a1"]],
      },
      {
        make: [slice("web-2", "web", { endpoints: [at("a2", { conditions: { ready: true } })] })],
        ask: [[some, "tcp {web} 80", "a2"]],
      },
      { remove: ["slice web-1", "slice web-2"], ask: [[some, "tcp {web} 80", "refused"]] },
    ],
  },
  {
    title: "a pod that ends serves for as long as it does when nobody else is ready, and others ask who is",
    steps: [
      {
        make: [
          service("web", { selector: { app: "g" }, type: "NodePort", externalTrafficPolicy: "Local" }),
          pod("g1", { node: 1, container: { lifecycle: { preStop: { exec: { command: ["sleep", "20"] } } } } }),
        ],
        ask: [[some, "tcp {web} 80", "g1"]],
      },
      {
        end: ["g1"],
        ask: [
          [some, "tcp {web} 80", "g1"],
          ["client", "tcp {node1} {web:port}", "g1", { client: "{client}" }],
        ],
      },
      {
        make: [pod("g2", { node: 2 })],
        ask: [
          [some, "tcp {web} 80", "g2"],
          ["client", "tcp {node1} {web:port}", "g1", { client: "{client}" }],
          ["client", "tcp {node2} {web:port}", "g2", { client: "{client}" }],
        ],
      },
    ],
  },
  {
    title: "slices written by hand: several, of the same endpoint twice, and of ports of their own",
    steps: [
      {
        make: [
          service("web", { ports: [{ port: 80, targetPort: 9999 }] }),
          slice("web-1", "web", { endpoints: [at("a1"), at("a2")] }),
          slice("web-2", "web", { endpoints: [at("a2", { conditions: { ready: false } }), at("a3")] }),
          slice("web-3", "web", { ports: [{ port: 8070 }], endpoints: [at("b1")] }),
          slice("web-4", "web", { ports: [{ name: "other", port: 8080 }], endpoints: [at("u1")] }),
        ],
        ask: [[some, "tcp {web} 80", "a1 a2 a3 b1"]],
      },
      { remove: ["slice web-1"], ask: [[some, "tcp {web} 80", "a3 b1"]] },
    ],
  },
  {
    title: "a slice that is left over when its service has gone leads nobody, and serves the next one of that name",
    steps: [
      { make: [slice("web-1", "web", { endpoints: [at("a1")] })] },
      { make: [service("web", { clusterIP: "10.96.200.3" })], ask: [[some, "tcp {web} 80", "a1"]] },
      { remove: ["service web"], ask: [["u2 node3", "tcp 10.96.200.3 80", "silent"]] },
    ],
  },
  {
    title: "an endpoint outside of the cluster is reached through a service",
    steps: [
      {
        make: [
          service("world", { ports: [{ port: 7, protocol: "UDP" }], type: "NodePort" }),
          slice("world-1", "world", {
            ports: [{ port: 53, protocol: "UDP" }],
            endpoints: [{ addresses: ["172.30.0.13"] }],
          }),
          service("far", {}),
          slice("far-1", "far", { ports: [{ port: 8090 }], endpoints: [{ addresses: ["172.30.0.13"] }] }),
        ],
        ask: [["a1 u1 u3 node2", "tcp {far} 80", "h3"]],
      },
    ],
  },
  {
    title: "a connected UDP socket whose endpoint goes reaches another one within a second",
    steps: [
      {
        make: [
          service("talk", { ports: allPorts.slice(1) }),
          slice("talk-1", "talk", { ports: [{ name: "talk", port: 8081, protocol: "UDP" }], endpoints: [at("a1")] }),
        ],
        ask: [
          ["u2", "keep x {talk} 53", ""],
          ["u2", "say x", "a1"],
          ["a2", "keep x {talk} 53", ""],
          ["a2", "say x", "a1"],
        ],
      },
      {
        change: { "slice talk-1": { endpoints: [at("a3")] } },
        wait: 0.5,
        ask: [
          ["u2", "say x", "a3"],
          ["a2", "say x", "disconnected"],
        ],
      },
      {
        ask: [
          ["a2", "keep x {talk} 53", ""],
          ["a2", "say x", "a3"],
        ],
      },
    ],
  },
  {
    title: "a UDP socket that spoke before its service was there reaches it once it is",
    steps: [
      {
        make: [slice("late-1", "late", { ports: [{ port: 8081, protocol: "UDP" }], endpoints: [at("a2")] })],
        ask: [
          ["u1 u2 a1", "keep x 10.96.200.9 53", ""],
          ["u1 u2 a1", "say x", "silent"],
        ],
      },
      {
        make: [service("late", { clusterIP: "10.96.200.9", ports: [{ port: 53, protocol: "UDP" }] })],
        ask: [["u1 u2 a1", "say x", "a2"]],
      },
    ],
  },
  {
    title: "services of both families, of one, and of the other",
    steps: [
      {
        make: [
          service("one", a),
          service("both", { ...a, ipFamilyPolicy: "RequireDualStack", ports: allPorts, type: "NodePort" }),
          service("prefers", { ...a, ipFamilyPolicy: "PreferDualStack" }),
          service("six", { ...a, ipFamilies: ["IPv6"], type: "NodePort" }),
        ],
        ask: [
          [some, "tcp {one} 80", "a1 a2 a3"],
          [some, "tcp {both} 80", "a1 a2 a3"],
          [`${some} u1`, "tcp {both/6} 80", "a1 a2 a3"],
          [some, "udp {both/6} 53", "a1 a2 a3"],
          [some, "tcp {prefers/6} 80", "a1 a2 a3"],
          [some, "tcp {six} 80", "a1 a2 a3"],
          ["client a1 u1 node1", "tcp {node1/6} {six:port}", "a1 a2 a3"],
          ["client", "tcp {node1} {six:port}", "refused"],
          ["client", "tcp {node2/6} {both:port}", "a1 a2 a3"],
          ["a1 u1", "resolve six.default", "{six}"],
        ],
      },
      {
        change: {
          "service prefers": {
            spec: { ipFamilyPolicy: "SingleStack", ipFamilies: ["IPv4"], clusterIPs: ["{prefers}"] },
          },
        },
        ask: [[some, "tcp {prefers} 80", "a1 a2 a3"]],
      },
      {
        change: { "service one": { spec: { ipFamilyPolicy: "PreferDualStack", ipFamilies: both } } },
        ask: [[some, "tcp {one/6} 80", "a1 a2 a3"]],
      },
    ],
  },
  {
    title: "hints keep clients in their zone",
    steps: [
      {
        change: {
          "node node1": { metadata: { labels: { "topology.kubernetes.io/zone": "east" } } },
          "node node2": { metadata: { labels: { "topology.kubernetes.io/zone": "east" } } },
          "node node3": { metadata: { labels: { "topology.kubernetes.io/zone": "west" } } },
        },
        make: [
          service("web", { type: "NodePort" }),
          slice("web-1", "web", {
            endpoints: [
              at("a1", { zone: "east", hints: { forZones: [{ name: "east" }] } }),
              at("a2", { zone: "east", hints: { forZones: [{ name: "east" }] } }),
              at("a3", { zone: "west", hints: { forZones: [{ name: "west" }] } }),
            ],
          }),
        ],
        ask: [
          ["a1 u1 node1", "tcp {web} 80", "a1 a2"],
          ["a3 u3 node3", "tcp {web} 80", "a3"],
          ["client", "tcp {node3} {web:port}", "a3"],
        ],
      },
      {
        change: { "slice web-1": { endpoints: [at("a1", { hints: { forZones: [{ name: "east" }] } }), at("a3")] } },
        ask: [["a1 u1 a3 u3 node3", "tcp {web} 80", "a1 a3"]],
      },
    ],
  },
  {
    title: "trafficDistribution keeps clients near where somebody serves there",
    steps: [
      {
        change: {
          "node node1": { metadata: { labels: { "topology.kubernetes.io/zone": "east" } } },
          "node node2": { metadata: { labels: { "topology.kubernetes.io/zone": "west" } } },
          "node node3": { metadata: { labels: { "topology.kubernetes.io/zone": "west" } } },
        },
        make: [service("web", { ...a, trafficDistribution: "PreferClose" } as object)],
        ask: [
          ["a1 u1 node1", "tcp {web} 80", "a1"],
          ["a3 u2 node3", "tcp {web} 80", "a2 a3"],
        ],
      },
      {
        change: { "service web": { spec: { trafficDistribution: "PreferSameNode" } } },
        ask: [
          ["a1 u1 node1", "tcp {web} 80", "a1"],
          ["a2 u2 node2", "tcp {web} 80", "a2"],
          ["a3 u3 node3", "tcp {web} 80", "a3"],
        ],
      },
    ],
  },
];
